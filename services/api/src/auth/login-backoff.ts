import { DomainError } from '@nora/domain/errors'
import type { Deps } from '../deps.ts'
import { answerWithin } from '../http/answer-within.ts'
import { blind } from '../http/limits.ts'

// State of one account: n attempts in the window, and from when the next one is let through.
// Refused attempts change nothing: whoever hammers cannot push the owner's turn away for longer than the window.
const admitScript = `
  local key, now = KEYS[1], tonumber(ARGV[1])
  local max, window, base = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
  local nextAt = tonumber(redis.call('HGET', key, 'next') or '0')
  if now < nextAt then
    local told = redis.call('HGET', key, 'told') == tostring(nextAt)
    redis.call('HSET', key, 'told', tostring(nextAt))
    return {nextAt - now, told and 0 or 1}
  end
  local n = redis.call('HINCRBY', key, 'n', 1)
  if n >= max then
    redis.call('HSET', key, 'next', now + math.min(base * 2 ^ (n - max), window))
    redis.call('PEXPIRE', key, 2 * window)
  elseif n == 1 then
    redis.call('PEXPIRE', key, window)
  end
  return {0, 0}
`
const knownSeconds = 30 * 24 * 3600
/** Without Redis nobody signs in: whoever waits for one that hangs is told soon. */
const redisMs = 1_500

/**
 * Slows down guessing at one account: the first attempts of a window pass freely, later ones one at a time with growing
 * pauses, never more than the window. An address that has signed in to this account before is counted apart, so that
 * strangers' attempts do not keep the owner out. When Redis is lost nobody signs in: DomainError `unavailable`; inside
 * a pause `rate-limited` with `retryAfterSeconds`.
 */
export function loginBackoff(deps: Deps) {
  const { max, windowMs, backoffMs } = deps.config.rateLimits.login
  const account = (email: string) => `account:${email.toLowerCase()}`
  const knownKey = (email: string, address: string) =>
    `nora:known:${blind(deps, `${account(email)}|${address}`)}`

  async function keyOf(email: string, address: string): Promise<string> {
    const known = await deps.redis.exists(knownKey(email, address))
    return `nora:login:${blind(deps, known ? `${account(email)}|${address}` : account(email))}`
  }

  return {
    /** Call before the password is looked at. `onSlowed` is called by the first that is refused in a pause. */
    async admit(email: string, address: string, onSlowed: () => void): Promise<void> {
      const [waitMs, first] = await orUnavailable(deps, async () => {
        const key = await keyOf(email, address)
        const state = await deps.redis.eval(admitScript, 1, key, deps.clock(), max, windowMs, backoffMs)
        return (state as unknown[]).map(Number) as [number, number]
      })
      if (first === 1) onSlowed()
      if (waitMs > 0) throw new DomainError('rate-limited', { retryAfterSeconds: Math.ceil(waitMs / 1000) })
    },
    /** Call when the password was right: the attempts are forgiven, the address is known from now on. */
    async succeeded(email: string, address: string): Promise<void> {
      await orUnavailable(deps, async () => {
        const key = await keyOf(email, address)
        await deps.redis.multi().del(key).set(knownKey(email, address), '1', 'EX', knownSeconds).exec()
      })
    },
  }
}

async function orUnavailable<T>(deps: Deps, run: () => Promise<T>): Promise<T> {
  if (deps.redis.status !== 'ready') throw new DomainError('unavailable')
  return answerWithin(deps.config.redisPatience?.refuse ?? redisMs, run()).catch((cause: unknown) => {
    throw new DomainError('unavailable', {}, { cause })
  })
}
