import type { BotProtection } from '@nora/config/bot-protection'
import { signUpAction } from '@nora/contract/auth'

/** What an answer is held to. `hostnames` are those of the pages that may show our widget; `now` is in ms since the epoch. */
export type CaptchaExpectation = Pick<BotProtection, 'provider' | 'minScore'> & {
  hostnames: ReadonlySet<string>
  now: number
}

/** How old a solved challenge may be: as long as the provider itself lets its token live. */
const mostAgeMs = { turnstile: 300_000, recaptcha: 120_000, 'recaptcha-v3': 120_000 } as const
/** Their clock and ours. */
const skewMs = 30_000

/** How long a token that passed could pass again, if its provider let it. */
export const tokenLifeMs = (provider: BotProtection['provider']) => mostAgeMs[provider] + 2 * skewMs

/**
 * What is wrong with a provider's answer about a token, in our own words for log and audit; undefined when nothing is. An
 * answer must say everything that is asked of it: what is missing is wrong.
 * Sources: Turnstile, "Validate the token"; reCAPTCHA, "Verifying the user's response" and "reCAPTCHA v3".
 */
export function faultOfAnswer(answer: unknown, expected: CaptchaExpectation): string | undefined {
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) return 'not an answer'
  const { success, hostname, action, score, challenge_ts: solvedAt } = answer as Record<string, unknown>
  if (success !== true) return 'the provider refused the token'
  if (typeof hostname !== 'string' || !expected.hostnames.has(hostname.toLowerCase()))
    return 'another hostname'
  return faultOfAge(solvedAt, expected) ?? faultOfAction(action, expected) ?? faultOfScore(score, expected)
}

function faultOfAge(solvedAt: unknown, { provider, now }: CaptchaExpectation): string | undefined {
  // RFC 3339 with a zone; Date.parse would take much else for a time, and a time without a zone for ours.
  const at =
    typeof solvedAt === 'string' &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)$/.test(solvedAt)
      ? Date.parse(solvedAt)
      : Number.NaN
  if (Number.isNaN(at)) return 'no time'
  if (now - at > mostAgeMs[provider] + skewMs) return 'too old'
  return at - now > skewMs ? 'a time to come' : undefined
}

function faultOfAction(action: unknown, { provider }: CaptchaExpectation): string | undefined {
  // Version 2 of reCAPTCHA has none; where one is said it must be ours all the same.
  if (action === undefined && provider === 'recaptcha') return undefined
  return action === signUpAction ? undefined : 'another action'
}

function faultOfScore(score: unknown, { provider, minScore }: CaptchaExpectation): string | undefined {
  if (score === undefined && provider !== 'recaptcha-v3') return undefined
  return typeof score === 'number' && score >= minScore && score <= 1 ? undefined : 'too low a score'
}
