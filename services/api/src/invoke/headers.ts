import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'

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
/** What the caller shows to Nora is for Nora; where they came from is ours to know. */
const callerOnly = new Set([
  ...hopByHop,
  'authorization',
  'cookie',
  'cookie2',
  'x-csrf-token',
  'host',
  'expect',
  'forwarded',
  'x-real-ip',
])
const callerPrefix = /^(?:x-nora-|x-forwarded-|sec-fetch-|proxy-)/
/** An agent's answer is a stranger's word on our origin: it sets no cookie here and speaks for nobody but itself. */
const answerOnly = new Set([
  ...hopByHop,
  'set-cookie',
  'set-cookie2',
  'clear-site-data',
  'strict-transport-security',
  'service-worker-allowed',
  'alt-svc',
  'refresh',
  'link',
])
const answerPrefix = /^(?:x-nora-|access-control-|content-security-policy|cross-origin-)/
// A proxy or a cache in front of us takes these for our word: serve this file or inner address, keep this answer for everybody.
// X-Accel-Buffering alone asks for nothing but not to hold a stream back.
const forProxies =
  /^(?:x-accel-(?!buffering$)|x-sendfile|x-lighttpd-|x-litespeed-|x-reproxy-|surrogate-|edge-control$|(?:[a-z]+-)?cdn-cache-control$)/

/**
 * The headers that go on to the gateway. The body's framing is the one Node has understood; `capability` is our word
 * for the caller, who has none of their own behind this line.
 */
export function toGateway(
  request: IncomingMessage,
  own: { capability: string; correlationId: string; host: string },
): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {}
  const named = namedByConnection(request)
  for (const [name, value] of Object.entries(request.headers)) {
    if (callerOnly.has(name) || named.has(name) || callerPrefix.test(name)) continue
    headers[name] = value
  }
  headers['host'] = own.host
  headers['x-correlation-id'] = own.correlationId
  headers['x-nora-capability'] = own.capability
  // Framing is what Node has read, whatever the caller's Connection header names: a body that went on without its length
  // would be the head of the next person's request on this connection (request smuggling, RFC 9112 section 11.2).
  delete headers['content-length']
  if (request.headers['transfer-encoding'] !== undefined) headers['transfer-encoding'] = 'chunked'
  else if (request.headers['content-length'] !== undefined) {
    headers['content-length'] = request.headers['content-length']
  }
  return headers
}

/**
 * The headers that go back to the caller: the agent's, what `ours` (the edge's own) say on top, and last what makes an
 * answer harmless that a browser opens as a page: in a sandbox it has an origin of its own, runs no script, sends no form.
 */
export function toCaller(
  answer: IncomingMessage,
  ours: OutgoingHttpHeaders,
  agent: { id: string; base: string },
): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {}
  const named = namedByConnection(answer)
  for (const [name, value] of Object.entries(answer.headers)) {
    if (answerOnly.has(name) || named.has(name) || answerPrefix.test(name) || forProxies.test(name)) continue
    headers[name] = value
  }
  const location = locationOf(answer.headers.location, agent)
  delete headers['location']
  return {
    ...headers,
    ...ours,
    ...(location !== undefined && { location }),
    'content-security-policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    'x-nora-answer': 'agent',
  }
}

/** The gateway keeps redirects within `/agents/<id>/`; here the same place has a longer name. Any other is dropped. */
function locationOf(
  location: string | undefined,
  { id, base }: { id: string; base: string },
): string | undefined {
  const prefix = `/agents/${id}/`
  return location?.startsWith(prefix)
    ? `${base}/agents/${id}/invoke/${location.slice(prefix.length)}`
    : undefined
}

const namedByConnection = (message: IncomingMessage) =>
  new Set((message.headers.connection ?? '').toLowerCase().split(/[\s,]+/))
