import type { Operation, OperationSummary } from '@nora/contract/operations'
import type { OperationRow } from '@nora/db/operations'
import type { OperationStatus } from '@nora/db/schema'

/** What people are told of a row's status. */
const shownStatus = {
  pending: 'queued',
  leased: 'running',
  succeeded: 'succeeded',
  failed: 'failed',
  cancelled: 'cancelled',
} as const satisfies Record<OperationStatus, OperationSummary['status']>

type SummaryRow = {
  id: string
  kind: string
  status: OperationStatus
  step: string | null
  reason: string
  created_at: Date | string
  finished_at: Date | string | null
  error: Record<string, unknown> | null
}

/** The part of an operation that stands inside its agent. */
export function operationSummary(row: SummaryRow): OperationSummary {
  return {
    id: row.id,
    kind: row.kind,
    status: shownStatus[row.status],
    step: row.step,
    reason: row.reason,
    createdAt: utc(row.created_at),
    finishedAt: row.finished_at === null ? null : utc(row.finished_at),
    error: errorView(row.error),
  }
}

/** An operation as its own page shows it. */
export function operationView(row: OperationRow): Operation {
  return {
    ...operationSummary(row),
    agentId: row.agent_id,
    providerKeyId: row.credential_id,
    requestedBy: row.requested_by,
    requestedByKey: row.api_key_id,
    attempt: row.attempt,
    stepAt: row.step_at?.toISOString() ?? null,
    startedAt: row.started_at?.toISOString() ?? null,
    deadlineAt: row.deadline_at.toISOString(),
    cancelRequestedAt: row.cancel_requested_at?.toISOString() ?? null,
    result: row.result,
  }
}

/** Rows inside JSON carry times as text with an offset. */
export const utc = (time: Date | string) => (typeof time === 'string' ? new Date(time) : time).toISOString()

function errorView(error: Record<string, unknown> | null): OperationSummary['error'] {
  if (error === null) return null
  const text = (name: string, otherwise: string) =>
    typeof error[name] === 'string' ? error[name] : otherwise
  return { ...error, code: text('code', 'internal'), message: text('message', 'it failed without a reason') }
}
