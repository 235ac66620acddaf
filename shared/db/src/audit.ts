import type { Tx } from './actor.ts'

export type AuditEntry = {
  /** Upper snake case, e.g. `PROVIDER_KEY_CREATED`. */
  type: string
  /** Of an `api_key` the details must say `createdBy`. */
  actor: { kind: 'user' | 'api_key' | 'operation'; id: string }
  workspaceId: string
  target: { kind: string; id: string }
  ip?: string | null
  correlationId?: string | null
  /** Facts without secrets. */
  details?: Record<string, unknown>
}

/** Writes the audit row in the action's own transaction: when it fails, so does the action. */
export async function audit(tx: Tx, entry: AuditEntry): Promise<void> {
  await tx
    .insertInto('audit_log')
    .values({
      event_type: entry.type,
      actor_kind: entry.actor.kind,
      actor_id: entry.actor.id,
      workspace_id: entry.workspaceId,
      target_kind: entry.target.kind,
      target_id: entry.target.id,
      ip: entry.ip ?? null,
      correlation_id: entry.correlationId ?? null,
      details: JSON.stringify(entry.details ?? {}),
    })
    .execute()
}
