import type { Tx } from '@nora/db/actor'
import { audit } from '@nora/db/audit'
import type { RequestActor } from '../http/sessions.ts'

/** Who a command acts for, and where the request came from. */
export type Who = Pick<RequestActor, 'userId' | 'workspaceId' | 'ip' | 'correlationId'>

/** The audit row of a person's action, in the action's own transaction. `details` hold no secret. */
export function auditAction(
  tx: Tx,
  who: Who,
  type: string,
  target: { kind: 'agent' | 'provider-key' | 'integration' | 'exchange-credential' | 'stream'; id: string },
  details: Record<string, unknown> = {},
): Promise<void> {
  return audit(tx, {
    type,
    actor: { kind: 'user', id: who.userId },
    workspaceId: who.workspaceId,
    target,
    ip: who.ip,
    correlationId: who.correlationId,
    details,
  })
}
