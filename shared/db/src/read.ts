import type { ApiKeyScope } from '@nora/contract/api-keys'
import type { Kysely } from 'kysely'
import type { CallerActor, Entered } from './actor.ts'
import { type ByteRow, textOf } from './byte-rows.ts'
import { readPoolOf } from './connect.ts'
import { type Part, runInOneFlush } from './one-flush.ts'
import type { DB, WorkspaceRole } from './schema.ts'

/** One query of tenants' tables; see `readAs`. */
export type Read = Part

// The same proof as `withActor`, then: nothing but reading until the end, and plans made once for all parameters.
const toRead = `set_config('transaction_read_only', 'on', true), set_config('plan_cache_mode', 'force_generic_plan', true)`
const enterSession = {
  name: 'nora_enter_to_read',
  text: `select user_id, workspace_id, role, platform_role, ${toRead} from nora.enter_session($1, $2, $3)`,
}
const enterHub = {
  name: 'nora_enter_hub_to_read',
  text: `select user_id, workspace_id, role, api_key_id, array_to_json(scopes), ${toRead} from nora.enter_hub($1, $2, $3, $4)`,
}

/**
 * `withActor` for a hot read: Postgres verifies the proof and answers one query in its context, in one message and one read-only
 * transaction. When the proof fails the query is not executed. Raises what `withActor` raises.
 */
export async function readAs<A extends CallerActor>(
  db: Kysely<DB>,
  actor: A,
  read: Read,
): Promise<{ entered: Entered<A>; rows: ByteRow[] }> {
  const [who, rows] = await runInOneFlush(readPoolOf(db), [proofOf(actor), read])
  return { entered: enteredOf(actor, who![0]!) as Entered<A>, rows: rows! }
}

function proofOf(actor: CallerActor): Part {
  if (actor.kind === 'session') {
    return { statement: enterSession, values: [actor.sessionId, actor.secret, actor.workspaceId] }
  }
  return { statement: enterHub, values: [actor.publicId, actor.proof, actor.workspaceId, actor.ip] }
}

function enteredOf(actor: CallerActor, row: ByteRow): Entered<CallerActor> {
  const [userId, workspaceId, role, fourth, scopes] = textOf(row) as [
    string,
    string,
    WorkspaceRole,
    string,
    string,
  ]
  if (actor.kind === 'session') {
    return { userId, workspaceId, role, platformRole: fourth as 'user' | 'admin' }
  }
  return { userId, workspaceId, role, apiKeyId: fourth, scopes: JSON.parse(scopes) as ApiKeyScope[] }
}
