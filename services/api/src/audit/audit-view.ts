import type { AuditItem, AuditQuery } from '@nora/contract/audit'
import type { AuditFilter, AuditRow } from '@nora/db/audit-read'
import { DomainError } from '@nora/domain/errors'
import { userIdOf } from './export-rows.ts'

/** What of a query narrows down the log. DomainError `bad-request` for a moment that is none. */
export function filterOf({
  type,
  actor,
  from,
  to,
}: Pick<AuditQuery, 'type' | 'actor' | 'from' | 'to'>): AuditFilter {
  return { type, actor, from: momentOf('from', from), to: momentOf('to', to) }
}

/** A moment as Postgres has it: UTC, all six digits of it kept, within the years that it can tell. */
function momentOf(name: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const moment = new Date(text)
  const year = Number.isFinite(moment.getTime()) ? moment.getUTCFullYear() : 0
  if (year >= 1 && year <= 9999) {
    const fraction = (/\.(\d{1,6})/.exec(text)?.[1] ?? '').padEnd(6, '0')
    return `${moment.toISOString().slice(0, 19)}.${fraction}Z`
  }
  throw new DomainError('bad-request', {
    errors: [{ path: `querystring/${name}`, message: 'is not a moment' }],
  })
}

/** A row as people are shown it. */
export const itemOf = (row: AuditRow): AuditItem => ({
  id: row.id,
  timestamp: row.timestamp,
  eventType: row.event_type,
  userId: userIdOf(row),
  actor: { kind: row.actor_kind, id: row.actor_id },
  target: { kind: row.target_kind ?? '', id: row.target_id },
  ip: row.ip,
  correlationId: row.correlation_id,
  details: objectOf(JSON.parse(row.details)),
})

/** Every row of ours has an object; one that somebody smuggled in must not break the list. */
const objectOf = (value: unknown) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : { value }
