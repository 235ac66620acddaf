import { parseCidr } from '@nora/config/values'
import { apiKeyDays } from '@nora/contract/api-keys'
import { DomainError } from '@nora/domain/errors'
import { plainAddress } from '../http/client-ip.ts'

const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs

/** Refuses what is no address or CIDR block, naming its place. DomainError `bad-request`. */
export function checkCidrs(cidrs: readonly string[]): void {
  const errors = cidrs.flatMap((text, index) => {
    const message = wrongWith(text)
    return message === undefined ? [] : [{ path: `body/allowedCidrs/${index}`, message }]
  })
  if (errors.length > 0) throw new DomainError('bad-request', { errors })
}

function wrongWith(text: string): string | undefined {
  // A zone names a link of this machine, which no list of addresses can mean (RFC 4007 11).
  if (!parseCidr(text) || text.includes('%'))
    return 'is neither an address nor a CIDR block like 203.0.113.0/24'
  // A caller's IPv4 address is always seen as one: in IPv6 clothes it would let nobody in.
  const [address = ''] = text.split('/', 1)
  const mapped = address.includes(':') && plainAddress(address)?.includes('.')
  return mapped ? 'must be written as an IPv4 block' : undefined
}

/**
 * When a key shall end; null leaves it to Postgres (90 days). DomainError `bad-request` outside the next 365 days, and within a
 * minute: by Postgres' clock, or once the key is stored, that could be over.
 */
export function expiryOf(text: string | undefined, now: number): Date | null {
  if (text === undefined) return null
  const moment = new Date(text)
  const left = moment.getTime() - now
  if (left >= minuteMs && left <= apiKeyDays.most * dayMs) return moment
  const message = `must be at least a minute and at most ${apiKeyDays.most} days from now`
  throw new DomainError('bad-request', { errors: [{ path: 'body/expiresAt', message }] })
}
