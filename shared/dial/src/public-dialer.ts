import { lookup } from 'node:dns/promises'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { connect as connectTls, rootCertificates } from 'node:tls'
import { type AllowedHost, isAllowedHost } from '@nora/config/provider-hosts'
import { normalAddress, refusalOfAddress } from './address-policy.ts'

/** Says why a destination was not dialled or not reached, in words for people; no secret is ever in it. */
export class DialError extends Error {
  readonly code: 'destination-refused' | 'destination-unreachable'

  constructor(code: DialError['code'], message: string, options?: { cause: unknown }) {
    super(message, options)
    this.name = 'DialError'
    this.code = code
  }
}

export type DialOptions = {
  /** Private or plain-http destinations that the operator allows for this kind of call. */
  allowHosts: readonly AllowedHost[]
  signal: AbortSignal
  /** Milliseconds until the connection, TLS included, must stand; default 10,000. */
  connectMs?: number
  /** Talks on the bare connection until the peer is ready for TLS (RFC 3207); nothing that must stay secret. */
  startTls?: (socket: Socket) => Promise<void>
  /** A certificate authority besides those the system trusts. */
  ca?: string
  /** Names to addresses; the system's resolver unless given. */
  resolve?: (host: string) => Promise<string[]>
}

/**
 * Opens a connection for one request to a URL that somebody else chose, so that it cannot be turned against our own network:
 * the name is resolved once, every address of the answer must be public unicast (or the destination allowed by the
 * operator), the connection goes to that very address with the name in SNI, and the peer's address is looked at again.
 * What it gives is connected, and for https authenticated; it follows nothing, so a redirect leads nowhere.
 * @throws DialError
 */
export async function dialPublic(url: URL, options: DialOptions): Promise<Socket> {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
  const allowed = (name: string) => isAllowedHost(options.allowHosts, name, port)
  const deadline = AbortSignal.any([options.signal, AbortSignal.timeout(options.connectMs ?? 10_000)])
  const [address] = await race(deadline, addressesOf(host, allowed, options.resolve ?? systemResolve))
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && (allowed(host) || allowed(address)))) {
    throw refused(`${url.host} is not https`)
  }
  const { socket, opened } = openTcp(address, port)
  try {
    await race(deadline, opened)
    if (normalAddress(socket.remoteAddress ?? '') !== address)
      throw refused(`${url.host} answered from elsewhere`)
    if (url.protocol !== 'https:') return socket
    if (options.startTls) await race(deadline, options.startTls(socket))
    return await race(deadline, openTls(socket, host, options.ca))
  } catch (error) {
    socket.destroy()
    throw error
  }
}

type Resolve = (host: string) => Promise<string[]>

async function addressesOf(
  host: string,
  allowed: (name: string) => boolean,
  resolve: Resolve,
): Promise<[string, ...string[]]> {
  const found = isIP(host) ? [host] : await resolve(host).catch(() => [])
  const own = ownAddresses()
  const addresses = found.map((text) => {
    const normal = normalAddress(text)
    if (normal === undefined) throw refused(`${host} has an address that cannot be read`)
    const reason = allowed(host) || allowed(normal) ? null : refusalOfAddress(normal, own)
    // One bad address spoils the answer: a name that points inside as well as outside is a trap.
    if (reason) throw refused(`${host} ${reason}`)
    return normal
  })
  const [first, ...rest] = addresses
  if (first === undefined) throw unreachable(`${host} was not found`)
  return [first, ...rest]
}

const systemResolve: Resolve = async (host) =>
  (await lookup(host, { all: true, order: 'ipv4first' })).map((one) => one.address)

function ownAddresses(): Set<string> {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  return new Set(all.flatMap((one) => normalAddress(one.address.split('%')[0]!) ?? []))
}

function openTcp(host: string, port: number): { socket: Socket; opened: Promise<Socket> } {
  const socket = connectTcp({ host, port })
  const opened = new Promise<Socket>((resolve, reject) => {
    socket.once('connect', () => resolve(socket))
    // Stays on: an error that nobody listens for would end the process. Whoever uses the socket sees it close.
    socket.on('error', (error) => reject(unreachable(`the connection failed (${codeOf(error)})`)))
  })
  return { socket, opened }
}

function openTls(socket: Socket, host: string, ca: string | undefined): Promise<Socket> {
  return new Promise((resolve, reject) => {
    // An address has no SNI (RFC 6066); its certificate is then checked for that address.
    const name = isIP(host) ? {} : { servername: host }
    const trusted = ca === undefined ? {} : { ca: [...rootCertificates, ca] }
    const secure = connectTls({ socket, host, ...name, ...trusted })
    secure.once('secureConnect', () => resolve(secure))
    secure.on('error', (error) => reject(unreachable(`TLS failed (${codeOf(error)})`)))
  })
}

async function race<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  let abort = () => {}
  const late = new Promise<never>((_, reject) => {
    abort = () => reject(unreachable('it did not answer in time'))
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
  })
  work.catch(() => undefined) // when it loses the race, its failure is news to nobody
  try {
    return await Promise.race([work, late])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

const refused = (message: string) => new DialError('destination-refused', message)
const unreachable = (message: string) => new DialError('destination-unreachable', message)
const codeOf = (error: unknown) => (error as NodeJS.ErrnoException)?.code ?? 'unknown'
