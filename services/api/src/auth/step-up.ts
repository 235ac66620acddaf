import { provePassword } from '@nora/crypto/passwords'
import { myPasswordSalt } from '@nora/db/accounts'
import { refusalOf, withActor } from '@nora/db/actor'
import { audit } from '@nora/db/audit'
import { stepUp } from '@nora/db/sessions'
import { DomainError } from '@nora/domain/errors'
import type { Deps } from '../deps.ts'
import type { RequestActor } from '../http/sessions.ts'

/**
 * Lets this session do for ten minutes what asks for a step-up, if Postgres takes the proof of the caller's password. A
 * refusal is audited. DomainError `invalid-credentials`.
 */
export async function stepUpSession(
  deps: Deps,
  caller: RequestActor,
  password: string,
  signal: AbortSignal,
): Promise<void> {
  const { actor, userId, workspaceId, ip, correlationId } = caller
  const salt = await withActor(deps.db, actor, (tx) => myPasswordSalt(tx))
  const proof = await provePassword(salt, password, signal)
  try {
    await withActor(deps.db, actor, (tx) => stepUp(tx, actor, proof, caller))
  } catch (error) {
    if (refusalOf(error)?.code !== 'invalid-credentials') throw error
    await withActor(deps.db, actor, (tx) =>
      audit(tx, {
        type: 'STEP_UP_REFUSED',
        actor: { kind: 'user', id: userId },
        workspaceId,
        target: { kind: 'session', id: actor.sessionId },
        ip,
        correlationId,
      }),
    )
    throw new DomainError('invalid-credentials')
  }
}
