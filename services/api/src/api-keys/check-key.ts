import { parseCidr } from '@nora/config/values'
import { apiKeyDays } from '@nora/contract/api-keys'
import { DomainError } from '@nora/domain/errors'

const dayMs = 24 * 3_600_000

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
  return /^::ffff:\d/i.test(text) ? 'must be written as an IPv4 block' : undefined
}

/** When a key shall end; null leaves it to Postgres (90 days). DomainError `bad-request` outside the next 365 days. */
export function expiryOf(text: string | undefined, now: number): Date | null {
  if (text === undefined) return null
  const moment = new Date(text)
  const left = moment.getTime() - now
  if (left > 0 && left <= apiKeyDays.most * dayMs) return moment
  const message = `must be a moment within the next ${apiKeyDays.most} days`
  throw new DomainError('bad-request', { errors: [{ path: 'body/expiresAt', message }] })
}
