import type { BotProtection } from '@nora/config/bot-protection'
import { createGate } from '@nora/crypto/gate'
import { hashToken } from '@nora/crypto/tokens'
import { reportCaptchaFailure } from '@nora/db/audit-report'
import { fetchPublic } from '@nora/dial/fetch-public'
import { DomainError } from '@nora/domain/errors'
import type { Deps } from '../deps.ts'
import { answerWithin } from '../http/answer-within.ts'
import { faultOfAnswer, tokenLifeMs } from './captcha-answer.ts'

/** For everything: name look-up, connection, TLS and the answer to its last byte. */
const deadlineMs = 5_000
const redisMs = 1_000
const mostBytes = 16 * 1024

type Caller = { ip: string | null; correlationId: string }
/** Told to whoever signs up; the log and the audit say more. */
type Reason = 'missing' | 'refused' | 'provider-unreachable'

/**
 * Gives the check of sign-up's CAPTCHA. It asks the provider about the token, over a connection to a public address, and
 * takes each token once. Every other outcome is DomainError `captcha-failed`, with `reason`, and is audited: also when
 * the provider cannot be asked or answers nonsense. `unavailable` when Redis, which remembers the tokens, is lost.
 * Nothing happens where the server has no CAPTCHA.
 */
export function captchaCheck(deps: Deps) {
  // A flood from many addresses waits for its turn instead of opening as many connections.
  const gate = createGate(16, 200)
  const hostnames = new Set(
    [deps.config.publicUrl, ...deps.config.corsOrigins].flatMap((origin) =>
      URL.canParse(origin) ? [new URL(origin).hostname] : [],
    ),
  )

  return async (token: string | undefined, caller: Caller): Promise<void> => {
    const { botProtection } = deps.config
    if (!botProtection) return
    if (token === undefined) return refuse('missing', 'no token was sent')
    const signal = AbortSignal.timeout(deadlineMs)
    const answer = await gate(() => ask(deps, botProtection, token, signal), signal).catch(
      (error: unknown) => {
        deps.log.error(
          { err: error, alert: 'captcha-unreachable' },
          'the CAPTCHA provider could not be asked',
        )
        return undefined
      },
    )
    if (answer === undefined) return refuse('provider-unreachable', 'the provider could not be asked')
    const fault = faultOfAnswer(answer, { ...botProtection, hostnames, now: deps.clock() })
    if (fault !== undefined) return refuse('refused', fault, answer)
    if (!(await firstUse(deps, botProtection, token)))
      return refuse('refused', 'a token that was used before')

    async function refuse(reason: Reason, fault: string, answer?: unknown): Promise<never> {
      const codes = errorCodes(answer)
      // Then it is our setting that is wrong, and nobody can sign up.
      const ours = codes.some((code) => code.endsWith('-input-secret'))
      if (ours)
        deps.log.error({ alert: 'captcha-misconfigured', codes }, 'the CAPTCHA provider refused our secret')
      else deps.log.warn({ reason, fault, codes }, 'a CAPTCHA was not passed')
      await reportCaptchaFailure(deps.db, caller, {
        provider: deps.config.botProtection?.provider,
        reason,
        fault,
      })
      throw new DomainError('captcha-failed', { reason })
    }
  }
}

/** The provider's answer as JSON. Throws for everything that is none, a redirect included. */
async function ask(
  deps: Deps,
  { verifyUrl, secret }: BotProtection,
  token: string,
  signal: AbortSignal,
): Promise<unknown> {
  const { status, body } = await fetchPublic(
    new URL(verifyUrl),
    {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      // Not the caller's address, which both providers can do without.
      body: new URLSearchParams({ secret, response: token }).toString(),
    },
    { allowHosts: deps.config.providerAllowHosts, signal, mostBytes },
  )
  if (status !== 200) throw new Error(`it answered HTTP ${status}`)
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    throw new Error('it answered something else than JSON') // the parser's own message would quote it
  }
}

/** Remembers a token for as long as its provider could let it pass again; false when it is remembered already. */
async function firstUse(deps: Deps, { provider }: BotProtection, token: string): Promise<boolean> {
  if (deps.redis.status !== 'ready') throw new DomainError('unavailable')
  const key = `nora:captcha:${hashToken(token).toString('base64url')}`
  const remembered = deps.redis.set(key, '1', 'PX', tokenLifeMs(provider), 'NX')
  const set = await answerWithin(redisMs, remembered).catch((cause: unknown) => {
    throw new DomainError('unavailable', {}, { cause })
  })
  return set === 'OK'
}

/** What the provider said against a token, as far as it is a list of short words. */
function errorCodes(answer: unknown): string[] {
  const codes = (answer as { 'error-codes'?: unknown } | null | undefined)?.['error-codes']
  if (!Array.isArray(codes)) return []
  return codes.slice(0, 5).map((code) => String(code).slice(0, 60))
}
