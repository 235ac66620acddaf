import type { IncomingMessage } from 'node:http'
import { isLoopback } from '@nora/config/values'
import { DomainError } from '@nora/domain/errors'
import type { ApiSettings } from '../deps.ts'
import { plainAddress } from './client-ip.ts'
import { remembered } from './remembered.ts'

/** Headers that a request may have; a browser sends about twenty. */
const mostHeaders = 100
/** Characters of path and query together. */
const longestTarget = 8 * 1024
// Which of two is meant, this server and one in front of it could see differently (RFC 9112 section 11.2).
const single = new Map(
  [
    'host',
    'authorization',
    'content-length',
    'content-type',
    'transfer-encoding',
    'origin',
    'x-csrf-token',
    'x-nora-workspace',
    'idempotency-key',
  ].map((name, index) => [name, 1 << index]),
)
const target = /^\/[!-~]*$/
const hostForm = /^(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i

/** What is wrong with a request before anything that it says is believed; undefined: nothing. */
export type CheckForm = (request: IncomingMessage) => DomainError | undefined

/**
 * Judges a request's target, the number and the doubles of its headers, its framing and its Host. Node's parser has
 * refused what is no HTTP; here goes what is HTTP and means two things, or was meant for somebody else.
 */
export function formCheck(config: Pick<ApiSettings, 'publicUrl' | 'adminUrl' | 'allowedHosts'>): CheckForm {
  const isOurs = ourHosts(config)
  return (request) => {
    const { rawHeaders, httpVersion } = request
    const url = targetOf(request)
    if (httpVersion !== '1.1' && httpVersion !== '1.0')
      return refuse('version', 'must be HTTP/1.1 or HTTP/1.0')
    if (url.length > longestTarget) return new DomainError('uri-too-long')
    if (!target.test(url)) return refuse('url', 'must be a path of printable ASCII characters')
    // Postgres has no text with a NUL in it: refused here it is a 400, further in it would be a fault.
    if (url.includes('%00')) return refuse('url', 'must not hold a NUL')
    if (rawHeaders.length > 2 * mostHeaders) return new DomainError('headers-too-large')
    return doubled(rawHeaders) ?? framing(request) ?? misdirected(request, isOurs)
  }
}

/** The router knows paths only: whatever else a request aims at becomes one for it, which is then refused. */
export const routedTarget = ({ url = '' }: IncomingMessage): string => (url.startsWith('/') ? url : '/')
const targetOf = (request: IncomingMessage & { originalUrl?: string }) =>
  request.originalUrl ?? request.url ?? ''

const refuse = (path: string, message: string) =>
  new DomainError('bad-request', { errors: [{ path, message }] })

function doubled(rawHeaders: readonly string[]): DomainError | undefined {
  let seen = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase()
    const bit = single.get(name)
    if (bit === undefined) continue
    if (seen & bit) return refuse(`headers/${name}`, 'must be sent once')
    seen |= bit
  }
  return undefined
}

function framing(request: IncomingMessage): DomainError | undefined {
  const coding = request.headers['transfer-encoding']
  if (coding === undefined) return undefined
  const plain = coding.toLowerCase() === 'chunked' && request.httpVersion === '1.1'
  return plain ? undefined : refuse('headers/transfer-encoding', 'must be chunked, of HTTP/1.1')
}

function misdirected(request: IncomingMessage, isOurs: (host: string) => boolean): DomainError | undefined {
  const { host } = request.headers
  if (host === undefined || !hostForm.test(host)) return refuse('headers/host', 'must name this server')
  if (isOurs(host)) return undefined
  // Whoever dials an address may name it: no other site's name can hide behind a number (DNS rebinding needs a name).
  const dialled = plainAddress(request.socket.localAddress)
  if (dialled !== undefined && plainAddress(host) === dialled) return undefined
  return new DomainError(
    'wrong-host',
    {},
    { detail: 'use the address in NORA_PUBLIC_URL, or list this name in NORA_ALLOWED_HOSTS' },
  )
}

/** Names under which we are called, whatever the port: a tunnel or a proxy may have another one. */
function ourHosts({
  publicUrl,
  adminUrl = publicUrl,
  allowedHosts,
}: Pick<ApiSettings, 'publicUrl' | 'adminUrl' | 'allowedHosts'>) {
  const names = new Set([new URL(publicUrl).hostname, new URL(adminUrl).hostname, ...allowedHosts])
  return remembered((host: string) => {
    const name = host.toLowerCase().replace(/:\d+$/, '')
    return names.has(name) || isLoopback(name)
  })
}
