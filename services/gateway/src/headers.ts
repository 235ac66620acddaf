import type { IncomingMessage } from 'node:http'

export type Headers = Record<string, string | string[]>

// RFC 9110 section 7.6.1: they speak of one connection and are never passed on.
const hopByHop = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]

const fromCaller = new Set([
  ...hopByHop,
  // The caller's credentials for Nora.
  'authorization',
  'cookie',
  'cookie2',
  'x-csrf-token',
  // Ours to state, so nobody else's.
  'host',
  'expect',
  'content-length',
  'forwarded',
  'via',
  'x-real-ip',
  'true-client-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'cf-connecting-ip',
  // An agent's script must not become a service worker of the api's origin.
  'service-worker',
  'service-worker-navigation-preload',
])

const fromAgent = new Set([
  ...hopByHop,
  'set-cookie',
  'set-cookie2',
  // What would speak for the api's whole origin, not for one answer.
  'clear-site-data',
  'strict-transport-security',
  'public-key-pins',
  'public-key-pins-report-only',
  'expect-ct',
  'service-worker-allowed',
  'alt-svc',
  'origin-agent-cluster',
  'origin-trial',
  'accept-ch',
  'critical-ch',
  'nel',
  'report-to',
  'reporting-endpoints',
  'speculation-rules',
  'refresh',
  'link',
  'www-authenticate',
  'sourcemap',
  'x-sourcemap',
  // Set by us below, for every answer.
  'content-security-policy',
  'content-security-policy-report-only',
  'cross-origin-resource-policy',
  'cross-origin-opener-policy',
  'cross-origin-embedder-policy',
  'permissions-policy',
  'referrer-policy',
  'x-content-type-options',
  'x-frame-options',
  'location', // judged by locationFor
])

const callerPrefix = /^(?:x-nora-|x-forwarded-|x-original-|x-rewrite-)/
const agentPrefix = /^(?:x-nora-|access-control-)/

function pass(raw: string[], connection: string | undefined, drop: Set<string>, dropPrefix: RegExp): Headers {
  const named = new Set((connection ?? '').toLowerCase().split(/[\s,]+/))
  const out: Headers = {}
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase()
    const value = raw[i + 1] ?? ''
    if (drop.has(name) || named.has(name) || dropPrefix.test(name)) continue
    const before = out[name]
    out[name] = before === undefined ? value : [...(typeof before === 'string' ? [before] : before), value]
  }
  return out
}

/**
 * The headers an agent gets. The body is framed anew: the length Node's parser accepted, or chunks. `correlationId` is
 * passed on because the api made it.
 */
export function toAgent(req: IncomingMessage, host: string): Headers {
  const headers = pass(req.rawHeaders, req.headers.connection, fromCaller, callerPrefix)
  headers['host'] = host
  if (req.headers['transfer-encoding'] !== undefined) headers['transfer-encoding'] = 'chunked'
  else if (req.headers['content-length'] !== undefined)
    headers['content-length'] = req.headers['content-length']
  else if (req.method !== 'GET' && req.method !== 'HEAD') headers['content-length'] = '0'
  return headers
}

/**
 * The headers a caller gets. An agent's answer travels under the api's origin, so a browser that opens it must treat
 * it as a stranger's: no script, no frame, no sniffing, no cookies, no say over the origin.
 */
export function toCaller(answer: IncomingMessage, agentId: string, host: string, path: string): Headers {
  const headers = pass(answer.rawHeaders, answer.headers.connection, fromAgent, agentPrefix)
  if (answer.statusCode === 204 || answer.statusCode === 304) delete headers['content-length']
  const location = locationFor(answer.headers.location, agentId, host, path)
  if (location) headers['location'] = location
  headers['content-security-policy'] = "sandbox; default-src 'none'; frame-ancestors 'none'"
  headers['x-content-type-options'] = 'nosniff'
  headers['cross-origin-resource-policy'] = 'same-origin'
  headers['referrer-policy'] = 'no-referrer'
  return headers
}

/** A redirect within the agent stays within `/agents/<id>/`, which the api maps to its own prefix; any other is dropped. */
function locationFor(
  location: string | undefined,
  agentId: string,
  host: string,
  path: string,
): string | null {
  const base = `http://${host}`
  if (location === undefined || !URL.canParse(location, base + path)) return null
  const url = new URL(location, base + path)
  return url.origin === base ? `/agents/${agentId}${url.pathname}${url.search}${url.hash}` : null
}

/** Whether the request's body length is beyond doubt (RFC 9112 section 6.3); Node's parser refuses most of these too. */
export function isFramedPlainly(req: IncomingMessage): boolean {
  const names = req.rawHeaders.filter((_text, i) => i % 2 === 0).map((name) => name.toLowerCase())
  const count = (name: string) => names.filter((one) => one === name).length
  const te = req.headers['transfer-encoding']
  if (count('content-length') + count('transfer-encoding') > 1) return false
  if (te !== undefined && te.toLowerCase() !== 'chunked') return false
  return count('host') <= 1 && req.httpVersion === '1.1'
}
