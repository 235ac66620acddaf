import { isLoopback } from '@nora/config/values'
import type { SignUpBody } from '@nora/contract/auth'
import { makePassword } from '@nora/crypto/passwords'
import { constantTimeEqual } from '@nora/crypto/tokens'
import { isClaimed, signUp } from '@nora/db/accounts'
import { DomainError } from '@nora/domain/errors'
import type { Deps } from '../deps.ts'

type Caller = { ip: string | null; correlationId: string }
export type SignUpChecks = {
  /** The check of verify-captcha.ts. */
  captcha: (token: string | undefined, caller: Caller) => Promise<void>
  signal: AbortSignal
}

/**
 * Makes an account, the first of which claims the server. Says nothing about whether the address had one already, and
 * does the same work for both. DomainError `signup-disabled`, `setup-token-required`, `captcha-failed`.
 */
export async function signUpAccount(
  deps: Deps,
  input: SignUpBody,
  caller: Caller,
  { captcha, signal }: SignUpChecks,
): Promise<void> {
  const setupOk = maySetUp(deps, input.setupToken)
  // Before anything costly; the database decides again, under its lock.
  if (await isClaimed(deps.db)) {
    if (!deps.config.signupEnabled) throw new DomainError('signup-disabled')
  } else if (!setupOk) {
    throw setupTokenRequired(deps)
  }
  await captcha(input.captchaToken, caller)
  const password = await makePassword(input.password, signal)
  await signUp(deps.db, {
    email: input.email,
    name: input.name ?? '',
    password,
    setupOk,
    signupEnabled: deps.config.signupEnabled,
    ...caller,
  })
}

/**
 * Without a token set, only a server that nobody but this machine reaches may be claimed: it listens on loopback, and no
 * proxy in front of it carries its address elsewhere.
 */
function maySetUp({ config }: Deps, given: string | undefined): boolean {
  if (config.setupToken !== undefined) return constantTimeEqual(given ?? '', config.setupToken)
  return isLoopback(config.bind) && isLoopback(new URL(config.publicUrl).hostname)
}

/** Says what to do about it where no token would be right. */
function setupTokenRequired({ config }: Deps): DomainError {
  if (config.setupToken !== undefined) return new DomainError('setup-token-required')
  const detail =
    'This server was started without NORA_SETUP_TOKEN: set one, start the api again, and send it.'
  return new DomainError('setup-token-required', {}, { detail })
}
