import { createHash } from 'node:crypto'
import type { AdminLoginBody } from '@nora/contract/admin-auth'
import { provePassword } from '@nora/crypto/passwords'
import { loginLookup } from '@nora/db/accounts'
import {
  type AdminProof,
  adminPasswordSalt,
  adminSessionOfRefresh,
  openAdminSession,
  rotateAdminRefresh,
  stepUpAdmin,
} from '@nora/db/admin-session'
import { DomainError } from '@nora/domain/errors'
import type { Caller } from '../../auth/login.ts'
import { newRefreshToken, type RefreshToken, readRefreshToken } from '../../auth/tokens.ts'
import type { Deps } from '../../deps.ts'
import type { RequestAdmin } from '../session.ts'

/** A session with the refresh token that goes on with it. */
export type AdminOpened = { proof: AdminProof; refresh: RefreshToken }

/**
 * Opens an admin session for a platform admin's password. DomainError `invalid-credentials` for everything else, after the
 * same work: a wrong password, no account, one that is disabled or no admin's.
 */
export async function signInAdmin(
  deps: Deps,
  input: AdminLoginBody,
  caller: Caller,
  signal: AbortSignal,
): Promise<AdminOpened> {
  const found = await loginLookup(deps.db, input.email)
  const passwordProof = await provePassword(found?.passwordSalt ?? null, input.password, signal)
  const refresh = newRefreshToken()
  const sessionId = await openAdminSession(deps.db, {
    userId: found?.userId ?? null,
    passwordProof,
    secretHash: createHash('sha256').update(refresh.secret).digest(),
    refreshHash: refresh.hash,
    ...caller,
  })
  if (sessionId === undefined) throw new DomainError('invalid-credentials')
  return { proof: { sessionId, secret: refresh.secret }, refresh }
}

/** Exchanges a refresh token; what does not refresh is DomainError `unauthenticated`, and one used before ends its session. */
export async function refreshAdmin(
  deps: Deps,
  text: string,
  caller: { ip: string | null; correlationId: string },
): Promise<AdminOpened> {
  const token = readRefreshToken(text)
  if (!token) throw new DomainError('unauthenticated')
  const { hash: tokenHash, secret } = token
  const { outcome, sessionId, successor } = await rotateAdminRefresh(deps.db, {
    tokenHash,
    secret,
    ...caller,
  })
  if (outcome === 'reuse') deps.log.warn({ sessionId }, 'a used refresh token of an admin came again')
  const refresh =
    successor && readRefreshToken(`${successor.toString('base64url')}.${secret.toString('base64url')}`)
  if (!refresh) throw new DomainError('unauthenticated')
  return { proof: { sessionId: sessionId!, secret }, refresh }
}

/** The session that a refresh token belongs to, which it does not use up. */
export async function proofOfRefresh(deps: Deps, text: string): Promise<AdminProof | undefined> {
  const token = readRefreshToken(text)
  const sessionId = token && (await adminSessionOfRefresh(deps.db, token.hash, token.secret))
  return sessionId === undefined ? undefined : { sessionId, secret: token!.secret }
}

/** Lets the session change things for ten minutes. DomainError `invalid-credentials`, which is audited. */
export async function stepUp(
  deps: Deps,
  admin: RequestAdmin,
  password: string,
  signal: AbortSignal,
): Promise<void> {
  const salt = await adminPasswordSalt(deps.db, admin.proof)
  const proof = await provePassword(salt, password, signal)
  if (!(await stepUpAdmin(deps.db, admin.proof, proof, admin))) throw new DomainError('invalid-credentials')
}
