import type { PasswordBody } from '@nora/contract/auth'
import { makePassword, provePassword } from '@nora/crypto/passwords'
import { changePassword, myPasswordSalt } from '@nora/db/accounts'
import { refusalOf, withActor } from '@nora/db/actor'
import { audit } from '@nora/db/audit'
import { DomainError } from '@nora/domain/errors'
import type { Deps } from '../deps.ts'
import type { RequestActor } from '../http/sessions.ts'

/**
 * Sets the caller's password and ends every other session of theirs, in one transaction with its audit row, if Postgres
 * takes the proof of the present one. The slow hashes are made outside it. DomainError `invalid-credentials`; raises
 * NR403 `step-up-required` for whoever has a passkey.
 */
export async function changeOwnPassword(
  deps: Deps,
  caller: RequestActor,
  input: PasswordBody,
  signal: AbortSignal,
): Promise<void> {
  const { actor, userId, workspaceId, ip, correlationId } = caller
  const salt = await withActor(deps.db, actor, (tx) => myPasswordSalt(tx))
  const oldProof = await provePassword(salt, input.currentPassword, signal)
  const password = await makePassword(input.newPassword, signal)
  try {
    await withActor(deps.db, actor, (tx) =>
      changePassword(tx, { session: actor, oldProof, password, ip, correlationId }),
    )
  } catch (error) {
    if (refusalOf(error)?.code !== 'invalid-credentials') throw error
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
}
