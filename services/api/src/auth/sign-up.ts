import { isLoopback } from '@nora/config/values'
import type { SignUpBody } from '@nora/contract/auth'
import { makePassword } from '@nora/crypto/passwords'
import { constantTimeEqual } from '@nora/crypto/tokens'
import { isClaimed, signUp } from '@nora/db/accounts'
import { DomainError } from '@nora/domain/errors'
import type { Deps } from '../deps.ts'

/**
 * Makes an account, the first of which claims the server. Says nothing about whether the address had one already, and
 * does the same work for both. DomainError `signup-disabled`, `setup-token-required`.
 */
export async function signUpAccount(
  deps: Deps,
  input: SignUpBody,
  caller: { ip: string | null; correlationId: string },
  signal: AbortSignal,
): Promise<void> {
  const setupOk = maySetUp(deps, input.setupToken)
  // Before the costly hash; the database decides again, under its lock.
  if (await isClaimed(deps.db)) {
    if (!deps.config.signupEnabled) throw new DomainError('signup-disabled')
  } else if (!setupOk) {
    throw new DomainError('setup-token-required')
  }
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

/** Without a token set, only a server that nobody but this machine reaches may be claimed. */
function maySetUp({ config }: Deps, given: string | undefined): boolean {
  if (config.setupToken === undefined) return isLoopback(config.bind)
  return constantTimeEqual(given ?? '', config.setupToken)
}
