import { sql } from 'kysely'
import type { Tx } from './actor.ts'
import { type AuditRow, auditColumns } from './audit-read.ts'
import type { AgentState } from './schema.ts'

// How the whole server is, as a platform admin reads it inside `withAdminRead`.

/** Rows of the audit that say that something went wrong, or that somebody may be trying something. */
const troubles = [
  ...[
    'OPERATION_FAILED',
    'KEY_SYNC_FAILED',
    'ERROR',
    'SECRET_OPEN_FAILED',
    'CAPABILITY_REFUSED',
    'NAME_TAKEN',
  ],
  ...[
    'AUDIT_CHAIN_BROKEN',
    'AUDIT_KEY_CHANGED',
    'REFRESH_TOKEN_REUSED',
    'SIGN_IN_SLOWED',
    'TRADING_WITHHELD',
  ],
  ...['PASSKEY_WORD_REFUSED', 'PASSKEY_COUNTER_WENT_BACK', 'ORPHAN_REMOVED', 'ADMIN_RESET', 'PASSKEYS_RESET'],
]

export type OverviewRows = {
  users: { all: number; disabled: number; admins: number }
  agents: { state: AgentState; count: number; unhealthy: number }[]
  workers: { live: number; silent: number }
  troubles: AuditRow[]
}

/** Counts of people, agents and workers, and the latest `limit` troubles of seven days. The queue's are `adminQueueDepth`. */
export async function adminOverview(tx: Tx, limit: number): Promise<OverviewRows> {
  const { rows: users } = await sql<OverviewRows['users']>`select count(*) as all,
      count(*) filter (where u.disabled_at is not null) as disabled, count(*) filter (where u.platform_role = 'admin') as admins
    from users u`.execute(tx)
  const { rows: agents } = await sql<OverviewRows['agents'][number]>`select a.state, count(*) as count,
      count(*) filter (where a.unhealthy) as unhealthy from agents a where a.deleted_at is null group by a.state`.execute(
    tx,
  )
  const { rows: workers } = await sql<
    OverviewRows['workers']
  >`select count(*) filter (where w.last_seen_at > now() - interval '15 seconds') as live,
      count(*) filter (where w.last_seen_at <= now() - interval '15 seconds') as silent from workers w`.execute(
    tx,
  )
  // Each type by its own index: what is rare and old is not looked for among everything else.
  const { rows: found } = await sql<AuditRow>`select x.* from unnest(${troubles}::text[]) t (type), lateral (
      select ${auditColumns} from nora.audit_log a where a.event_type = t.type and a.ts > now() - interval '7 days'
      order by a.ts desc nulls last, a.id desc nulls last limit ${limit}) x
    order by x.at_us desc, x.id desc limit ${limit}`.execute(tx)
  return { users: users[0]!, agents, workers: workers[0]!, troubles: found }
}
