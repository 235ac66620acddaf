import type { Tx } from '@nora/db/actor'
import { audit } from '@nora/db/audit'
import type { Caller } from '../http/caller.ts'

/** Who a command acts for, and where the request came from. */
export type Who = Pick<Caller, 'userId' | 'workspaceId' | 'apiKeyId' | 'ip' | 'correlationId'>

/** The audit row of a person's or a program's action, in the action's own transaction. `details` hold no secret. */
export function auditAction(
  tx: Tx,
  who: Who,
  type: string,
  target: { kind: 'agent' | 'provider-key' | 'integration' | 'exchange-credential' | 'stream'; id: string },
  details: Record<string, unknown> = {},
): Promise<void> {
  const byProgram = who.apiKeyId !== undefined
  return audit(tx, {
    type,
    actor: byProgram ? { kind: 'api_key', id: who.apiKeyId! } : { kind: 'user', id: who.userId },
    workspaceId: who.workspaceId,
    target,
    ip: who.ip,
    correlationId: who.correlationId,
    details: byProgram ? { ...details, createdBy: who.userId } : details,
  })
}
