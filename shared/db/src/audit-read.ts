import { sql } from 'kysely'
import type { Tx } from './actor.ts'
import type { Cursor } from './cursor.ts'

const utc = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'

/** A row of the log for people. `details` is JSON text, `timestamp` RFC 3339 in UTC with microseconds. */
export type AuditRow = {
  id: string
  timestamp: string
  event_type: string
  actor_kind: 'user' | 'api_key' | 'operation' | 'system' | 'anonymous'
  actor_id: string | null
  workspace_id: string | null
  target_kind: string | null
  target_id: string | null
  ip: string | null
  correlation_id: string | null
  details: string
  at_us: number
}

/** The columns of an `AuditRow`, of a table `a`. */
export const auditColumns = sql`a.id, to_char(a.ts at time zone 'UTC', ${sql.lit(utc)}) as timestamp,
  a.event_type, a.actor_kind, a.actor_id, a.workspace_id, a.target_kind, a.target_id, host(a.ip) as ip, a.correlation_id,
  a.details::text as details, (extract(epoch from a.ts) * 1000000)::bigint as at_us`

export type AuditFilter = {
  type?: string | undefined
  /** A person's id (what their programs did is theirs, too), a program's key, `system` (an operation is the system's) or `anonymous`. */
  actor?: string | undefined
  /** RFC 3339 in UTC with microseconds, as rows have it. */
  from?: string | undefined
  /** The same, exclusive. */
  to?: string | undefined
}

/** Of the context's workspace, or (inside `withAdminRead`) of one or every workspace. */
export type AuditScope = 'here' | { workspace: string | undefined }

/**
 * A page in order of time, newest first or oldest first, after a place. What the caller may not see is left out by the
 * policy. `next` is null at the end.
 */
export async function auditPage(
  tx: Tx,
  filter: AuditFilter,
  page: { order: 'newest' | 'oldest'; after?: Cursor | undefined; limit: number },
  scope: AuditScope = 'here',
): Promise<{ rows: AuditRow[]; next: Cursor | null }> {
  const { type, actor, from, to } = filter
  const newest = page.order === 'newest'
  const beyond = newest ? sql`<` : sql`>`
  // Over every workspace in an order of its own, so that no index of it serves one workspace's page (migrations/0020-4).
  const everywhere = scope !== 'here' && scope.workspace === undefined
  const direction = everywhere
    ? newest
      ? sql`desc nulls last`
      : sql`asc nulls first`
    : newest
      ? sql`desc`
      : sql`asc`
  const conditions = [
    of(scope),
    ...(type === undefined ? [] : [sql`a.event_type = ${type}`]),
    ...(actor === undefined ? [] : [byActor(actor)]),
    ...(from === undefined ? [] : [sql`a.ts >= ${from}::timestamptz`]),
    ...(to === undefined ? [] : [sql`a.ts < ${to}::timestamptz`]),
    ...(page.after === undefined
      ? []
      : [
          sql`(a.ts, a.id) ${beyond} (timestamptz 'epoch' + ${page.after.createdUs}::bigint * interval '1 microsecond',
            ${page.after.id}::uuid)`,
        ]),
  ]
  const { rows } =
    await sql<AuditRow>`select ${auditColumns} from nora.audit_log a where ${sql.join(conditions, sql` and `)}
    order by a.ts ${direction}, a.id ${direction} limit ${page.limit + 1}`.execute(tx)
  const kept = rows.slice(0, page.limit)
  const last = kept.at(-1)
  return {
    rows: kept,
    next: rows.length > page.limit && last ? { createdUs: last.at_us, id: last.id } : null,
  }
}

function of(scope: AuditScope) {
  if (scope === 'here') return sql`a.workspace_id = (select nora.workspace())`
  return scope.workspace === undefined ? sql`true` : sql`a.workspace_id = ${scope.workspace}`
}

const byActor = (actor: string) =>
  actor === 'system'
    ? sql`a.actor_kind in ('system', 'operation')`
    : actor === 'anonymous'
      ? sql`a.actor_kind = 'anonymous'`
      : sql`(a.actor_kind in ('user', 'api_key') and (a.actor_id = ${actor}
          or (a.actor_kind = 'api_key' and a.details ->> 'createdBy' = ${actor})))`

/** The present moment of the database, as rows have it: an export ends there, however long it takes. */
export async function databaseNow(tx: Tx): Promise<string> {
  const { rows } = await sql<{
    now: string
  }>`select to_char(clock_timestamp() at time zone 'UTC', ${utc}) as now`.execute(tx)
  return rows[0]!.now
}
