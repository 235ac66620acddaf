import type { IncomingMessage } from 'node:http'
import { BlockList, isIP, SocketAddress } from 'node:net'
import { parseCidr } from '@nora/config/values'
import type { FastifyInstance, FastifyRequest } from 'fastify'

/** Whether what an address says about who stands behind it is believed. */
export type Trusts = (address: string | undefined) => boolean

declare module 'fastify' {
  interface FastifyInstance {
    callers: {
      /** Whose word counts: a proxy that the operator named. */
      trusts: Trusts
      /** The caller's address, undefined where there is none or what a trusted proxy sent is none. */
      addressOf: (request: IncomingMessage) => string | undefined
    }
  }
}

/** Everything that asks who calls asks here. */
export function installCallers(app: FastifyInstance, trusts: Trusts): void {
  app.decorate('callers', { trusts, addressOf: (request) => addressBehind(request, trusts) })
}

/** @param blocks the proxies' addresses and CIDR blocks, as the configuration has checked them. */
export function trustedProxies(blocks: readonly string[]): Trusts {
  const list = new BlockList()
  for (const block of blocks) {
    const { address, prefix, family } = parseCidr(block)!
    list.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6')
  }
  if (blocks.length === 0) return () => false
  return (text) => {
    const address = plainAddress(text)
    return address !== undefined && list.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6')
  }
}

/**
 * Who calls: the peer itself, or behind trusted proxies the right-most entry of X-Forwarded-For that none of them wrote
 * about another of them. What stands further left is only what a stranger said.
 */
export function addressBehind(request: IncomingMessage, trusts: Trusts): string | undefined {
  let address = plainAddress(request.socket.remoteAddress)
  if (!trusts(address)) return address
  const forwarded = request.headers['x-forwarded-for']
  const hops = String(forwarded ?? '').split(',')
  for (const hop of hops.reverse()) {
    if (hop.trim() === '') continue
    address = plainAddress(hop)
    if (!trusts(address)) break
  }
  return address
}

/**
 * An address in its one normal form: without port, brackets and zone, IPv4 that was mapped into IPv6 as IPv4 (a
 * socket that takes both families shows it so). Undefined for what is no address.
 */
export function plainAddress(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const trimmed = text.trim()
  if (isIP(trimmed) === 4) return trimmed
  const inBrackets = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(trimmed)?.[1]
  const withPort = /^([\d.]+):\d{1,5}$/.exec(trimmed)?.[1]
  const bare = (inBrackets ?? withPort ?? trimmed).split('%', 1)[0] ?? ''
  const family = isIP(bare)
  if (family !== 6) return family === 4 ? bare : undefined
  const normal = new SocketAddress({ address: bare, family: 'ipv6' }).address
  return /^::ffff:([\d.]+)$/i.exec(normal)?.[1] ?? normal
}

/** What one subscriber has, which is what is counted: an IPv4 address, or the /64 of an IPv6 one. */
export function subscriberOf(address: string | undefined): string {
  // A proxy that we trust sent something that is no address: all of those share one count.
  if (address === undefined) return 'unknown'
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const first = head === '' ? [] : head.split(':')
  const last = !tail ? [] : tail.split(':')
  const lastWords = last.length + (last.at(-1)?.includes('.') ? 1 : 0)
  const zeros = tail === undefined ? 0 : 8 - first.length - lastWords
  const words = [...first, ...Array<string>(Math.max(0, zeros)).fill('0'), ...last]
  return `${words.slice(0, 4).join(':')}::/64`
}

/** The caller's address as Postgres takes it; null for none. */
export function clientIp(request: FastifyRequest): string | null {
  return request.server.callers.addressOf(request.raw) ?? null
}
