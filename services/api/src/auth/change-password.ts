import type { PasswordBody } from '@nora/contract/auth'
import { hashPassword, verifyAgainstNothing, verifyPassword } from '@nora/crypto/passwords'
import { changePassword, myPasswordHash } from '@nora/db/accounts'
import { withActor } from '@nora/db/actor'
import { audit } from '@nora/db/audit'
import { DomainError } from '@nora/domain/errors'
import type { Deps } from '../deps.ts'
import type { RequestActor } from '../http/sessions.ts'

/**
 * Sets the caller's password and ends every other session of theirs, in one transaction with its audit row. The slow
 * hashes are made outside it; the old hash is compared once more inside. DomainError `invalid-credentials`.
 */
export async function changeOwnPassword(
  deps: Deps,
  caller: RequestActor,
  input: PasswordBody,
  signal: AbortSignal,
): Promise<void> {
  const { actor, userId, workspaceId, ip, correlationId } = caller
  const oldHash = await withActor(deps.db, actor, (tx) => myPasswordHash(tx))
  const verified = oldHash
    ? await verifyPassword(oldHash, input.currentPassword, signal)
    : await verifyAgainstNothing(input.currentPassword, signal)
  if (!oldHash || !verified) {
    await withActor(deps.db, actor, (tx) =>
      audit(tx, {
        type: 'PASSWORD_CHANGE_REFUSED',
        actor: { kind: 'user', id: userId },
        workspaceId,
        target: { kind: 'user', id: userId },
        ip,
        correlationId,
      }),
    )
    throw new DomainError('invalid-credentials')
  }
  const newHash = await hashPassword(input.newPassword, signal)
  await withActor(deps.db, actor, (tx) =>
    changePassword(tx, { sessionId: actor.sessionId, oldHash, newHash, ip, correlationId }),
  )
}
