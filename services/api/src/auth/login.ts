import { createHash } from 'node:crypto'
import type { Account, LoginBody } from '@nora/contract/auth'
import { provePassword } from '@nora/crypto/passwords'
import { loginLookup, openSession } from '@nora/db/accounts'
import { DomainError } from '@nora/domain/errors'
import type { Deps } from '../deps.ts'
import { newSecondFactorToken, type SecondFactorToken } from '../passkeys/second-factor-token.ts'
import { absoluteSeconds, idleSeconds, newRefreshToken, type RefreshToken } from './tokens.ts'

export type Caller = { ip: string | null; userAgent: string | null; correlationId: string }

export type LoggedIn =
  | { sessionId: string; user: Account; refresh: RefreshToken }
  /** The password was right; a passkey or a recovery code is to be shown with this token. */
  | { secondFactor: SecondFactorToken }

/**
 * Opens a session for the right password, which Postgres judges by its proof, or asks for a second factor. DomainError
 * `invalid-credentials` for everything else, after the same work whether the account exists, is disabled, has no password,
 * or has another one.
 */
export async function logIn(
  deps: Deps,
  input: LoginBody,
  caller: Caller,
  signal: AbortSignal,
): Promise<LoggedIn> {
  const found = await loginLookup(deps.db, input.email)
  const passwordProof = await provePassword(found?.passwordSalt ?? null, input.password, signal)
  const refresh = newRefreshToken()
  const token = newSecondFactorToken()
  const session = await openSession(deps.db, {
    userId: found?.userId ?? null,
    passwordProof,
    transport: input.transport ?? 'cookie',
    secretHash: createHash('sha256').update(refresh.secret).digest(),
    refreshHash: refresh.hash,
    tokenHash: token.hash,
    idleSeconds,
    absoluteSeconds,
    ...caller,
  })
  if (!found || !session) throw new DomainError('invalid-credentials')
  if (session === 'second-factor-required') return { secondFactor: token }
  const { id, ...account } = session
  return { sessionId: id, user: { id: found.userId, ...account }, refresh }
}
