import { createHash } from 'node:crypto'
import type { Account, LoginBody } from '@nora/contract/auth'
import { verifyAgainstNothing, verifyPassword } from '@nora/crypto/passwords'
import { loginLookup, openSession, signInFailed } from '@nora/db/accounts'
import { DomainError } from '@nora/domain/errors'
import type { Deps } from '../deps.ts'
import { absoluteSeconds, idleSeconds, newRefreshToken, type RefreshToken } from './tokens.ts'

export type Caller = { ip: string | null; userAgent: string | null; correlationId: string }

/**
 * Opens a session for the right password. DomainError `invalid-credentials` for everything else, after the same work
 * whether the account exists, is disabled, has no password, or has another one.
 */
export async function logIn(
  deps: Deps,
  input: LoginBody,
  caller: Caller,
  signal: AbortSignal,
): Promise<{ sessionId: string; user: Account; refresh: RefreshToken }> {
  const { ip, correlationId } = caller
  const found = await loginLookup(deps.db, input.email)
  const verified = found?.passwordHash
    ? await verifyPassword(found.passwordHash, input.password, signal)
    : await verifyAgainstNothing(input.password, signal)
  if (!found || !verified || found.disabled) {
    await signInFailed(deps.db, found?.userId ?? null, ip, correlationId)
    throw new DomainError('invalid-credentials')
  }
  const refresh = newRefreshToken()
  const { id, ...account } = await openSession(deps.db, {
    userId: found.userId,
    transport: input.transport ?? 'cookie',
    secretHash: createHash('sha256').update(refresh.secret).digest(),
    refreshHash: refresh.hash,
    idleSeconds,
    absoluteSeconds,
    ...caller,
  })
  return { sessionId: id, user: { id: found.userId, ...account }, refresh }
}
