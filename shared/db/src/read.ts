import type { Kysely } from 'kysely'
import type { Entered, SessionActor } from './actor.ts'
import { readPoolOf } from './connect.ts'
import { type Part, runInOneFlush, type TextRow } from './one-flush.ts'
import type { DB, WorkspaceRole } from './schema.ts'

/** One query of tenants' tables; see `readAs`. */
export type Read = Part

// The same proof as `withActor`, then: nothing but reading until the end, and plans made once for all parameters.
const enter = {
  name: 'nora_enter_to_read',
  text: `select user_id, workspace_id, role, platform_role, set_config('transaction_read_only', 'on', true),
      set_config('plan_cache_mode', 'force_generic_plan', true)
    from nora.enter_session($1, $2, $3)`,
}

/**
 * `withActor` for a hot read: Postgres verifies the proof and answers one query in its context, in one message and one read-only
 * transaction. When the proof fails the query is not executed. Raises what `withActor` raises.
 */
export async function readAs(
  db: Kysely<DB>,
  actor: SessionActor,
  read: Read,
): Promise<{ entered: Entered<SessionActor>; rows: TextRow[] }> {
  const { sessionId, secret, workspaceId } = actor
  const proof: Part = { statement: enter, values: [sessionId, secret, workspaceId] }
  const [who, rows] = await runInOneFlush(readPoolOf(db), [proof, read])
  const [userId, workspace, role, platformRole] = who![0]! as [
    string,
    string,
    WorkspaceRole,
    'user' | 'admin',
  ]
  return { entered: { userId, workspaceId: workspace, role, platformRole }, rows: rows! }
}
