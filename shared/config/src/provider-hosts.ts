import { BlockList, isIP } from 'node:net'
import { parseCidr } from './values.ts'

/** One item of NORA_PROVIDER_ALLOW_HOSTS: a host (any port when null) or a block of addresses. */
export type AllowedHost =
  | { kind: 'host'; host: string; port: number | null }
  | { kind: 'block'; address: string; prefix: number; family: 4 | 6 }

/** Reads `host`, `host:port`, `[v6]:port` or a CIDR block; undefined for anything else. */
export function parseAllowedHost(text: string): AllowedHost | undefined {
  const block = text.includes('/') ? parseCidr(text) : undefined
  if (block) return { kind: 'block', ...block }
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::(\d{1,5}))?$/i.exec(text)
  const host = match?.[1]?.toLowerCase().replace(/^\[|\]$/g, '')
  const port = match?.[2] === undefined ? null : Number(match[2])
  if (!host || (port !== null && (port < 1 || port > 65_535))) return undefined
  return { kind: 'host', host, port }
}

/** Whether the operator allows this private or plain-http destination. `host` as a URL's hostname gives it. */
export function isAllowedHost(allowed: readonly AllowedHost[], host: string, port: number): boolean {
  const bare = host.toLowerCase().replace(/^\[|\]$/g, '')
  const family = isIP(bare)
  return allowed.some((item) => {
    if (item.kind === 'host') return item.host === bare && (item.port === null || item.port === port)
    if (family !== item.family) return false
    const list = new BlockList()
    list.addSubnet(item.address, item.prefix, item.family === 4 ? 'ipv4' : 'ipv6')
    return list.check(bare, family === 4 ? 'ipv4' : 'ipv6')
  })
}
