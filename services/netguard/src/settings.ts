import { isAbsolute } from 'node:path'
import ipaddr from 'ipaddr.js'

/** One address and port that agents may reach although its block is closed. */
export type Allowed = { address: string; port: number; protocol: 'tcp' | 'udp' }

export type Settings = {
  installation: string
  /** CIDR, base address first. */
  pool: string
  /** The block of Nora's own containers; absent where it runs in none. */
  stack: string | undefined
  allow: readonly Allowed[]
  /** A file with further entries of the same form, read again while running; absent: none. */
  allowFile: string | undefined
  statusFile: string | undefined
}

/**
 * Reads what the guard is told; none of it is secret. Gives every problem at once, each naming its variable and what
 * it should be.
 */
export function readSettings(env: Record<string, string | undefined>): Settings | { problems: string[] } {
  const problems: string[] = []
  const installation = env['NORA_INSTALLATION_ID'] ?? ''
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(installation)) {
    problems.push('NORA_INSTALLATION_ID must be a UUID in lower case')
  }
  const pool = readPool(env['NORA_AGENT_NETWORK_POOL'] ?? '')
  if (!pool)
    problems.push('NORA_AGENT_NETWORK_POOL must be a private IPv4 block of /8 to /27, such as 10.214.0.0/16')
  const stackText = env['NORA_STACK_NETWORK'] || undefined
  const stack = stackText === undefined ? undefined : readPool(stackText)
  if (stackText !== undefined && !stack)
    problems.push('NORA_STACK_NETWORK must be a private IPv4 block of /8 to /27')
  const allow = parseAllow(env['NORA_EGRESS_ALLOW'] ?? '')
  if ('wrong' in allow) problems.push(`NORA_EGRESS_ALLOW: ${allow.wrong}`)
  const path = (name: string) => {
    const text = env[name] || undefined
    if (text && !isAbsolute(text)) problems.push(`${name} must be an absolute path`)
    return text
  }
  const settings = {
    ...{ installation, pool: pool ?? '', stack, allow: 'wrong' in allow ? [] : allow.entries },
    ...{ allowFile: path('NORA_EGRESS_ALLOW_FILE'), statusFile: path('NORA_NETGUARD_STATUS') },
  }
  return problems.length > 0 ? { problems } : settings
}

const form = '<IPv4 address>:<port>, with /udp behind it for UDP'

/** The list of what is opened: commas or lines between entries, `#` begins a comment. `wrong` says which entry and why. */
export function parseAllow(text: string): { entries: Allowed[] } | { wrong: string } {
  const entries: Allowed[] = []
  const items = text
    .split('\n')
    .map((line) => line.replace(/#.*$/, ''))
    .join(',')
    .split(',')
  for (const item of items.map((one) => one.trim()).filter(Boolean)) {
    const match = /^(\d{1,3}(?:\.\d{1,3}){3}):([1-9]\d{0,4})(?:\/(tcp|udp))?$/.exec(item)
    const port = Number(match?.[2])
    const address = match?.[1] ?? ''
    if (!match || !ipaddr.IPv4.isValidFourPartDecimal(address) || port > 65_535) {
      return { wrong: `\`${item.slice(0, 60)}\` is not ${form}` }
    }
    entries.push({ address, port, protocol: match[3] === 'udp' ? 'udp' : 'tcp' })
  }
  return { entries }
}

function readPool(text: string): string | undefined {
  if (!ipaddr.IPv4.isValidCIDRFourPartDecimal(text)) return undefined
  const [address, bits] = ipaddr.IPv4.parseCIDR(text)
  const base = ipaddr.IPv4.networkAddressFromCIDR(text)
  if (base.toString() !== address.toString() || bits < 8 || bits > 27) return undefined
  return ['private', 'carrierGradeNat'].includes(base.range()) ? text : undefined
}
