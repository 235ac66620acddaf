import { type Kysely, sql } from 'kysely'
import type { Tx } from './actor.ts'
import type { DB } from './schema.ts'

/** Where a request came from, for the audit row that each of these functions writes itself. */
export type Origin = { ip: string | null; correlationId: string }

/** Makes a workspace that the caller owns, and gives its id. Raises NR422 `workspace-limit`. */
export async function createWorkspace(tx: Tx, name: string, from: Origin): Promise<string> {
  const { rows } = await sql<{ id: string }>`
    select nora.create_workspace(${name}, ${from.ip}::inet, ${from.correlationId}) as id`.execute(tx)
  return rows[0]!.id
}

/** Renames the context's workspace. Raises NR403 `forbidden` for less than an admin. */
export async function renameWorkspace(tx: Tx, name: string, from: Origin): Promise<void> {
  await sql`select nora.rename_workspace(${name}, ${from.ip}::inet, ${from.correlationId})`.execute(tx)
}

/** Raises NR409 `workspace-deleting` when the context's workspace is on its way out. */
export async function requireOpenWorkspace(tx: Tx): Promise<void> {
  await sql`select nora.require_open_workspace()`.execute(tx)
}

/**
 * Begins the end of the context's workspace, and gives whether it has gone already; else its agents must be asked to go in
 * this transaction, and workers see to the rest. Raises NR409 `personal-workspace`, NR403 `forbidden` for all but owners.
 */
export async function beginWorkspaceEnd(tx: Tx, from: Origin): Promise<boolean> {
  const { rows } = await sql<{ gone: boolean }>`
    select nora.begin_workspace_end(${from.ip}::inet, ${from.correlationId}) as gone`.execute(tx)
  return rows[0]!.gone
}

/** The context's own workspace; undefined when it has gone since the context was entered. */
export function thisWorkspace(tx: Tx) {
  return tx
    .selectFrom('workspaces')
    .select(['id', 'deleting_since'])
    .where('id', '=', sql<string>`(select nora.workspace())`)
    .executeTakeFirst()
}

const mostNamed = 200

/** What goes with the context's workspace: agents, the keys that the caller may see, and how many keys there are in all. */
export async function workspaceContents(tx: Tx) {
  const here = sql<string>`(select nora.workspace())`
  const agents = await tx
    .selectFrom('agents')
    .select(['id', 'name'])
    .where('workspace_id', '=', here)
    .where('deleted_at', 'is', null)
    .orderBy('id')
    .execute()
  const keys = await tx
    .selectFrom('credentials')
    .select(['id', 'label'])
    .where('workspace_id', '=', here)
    .orderBy('id')
    .limit(mostNamed)
    .execute()
  const { rows } = await sql<{ n: number }>`select nora.count_keys() as n`.execute(tx)
  return { agents, keys, keyCount: rows[0]!.n }
}

/** Goes on with the workspaces that are being deleted; gives how many went. For workers. */
export async function sweepWorkspaces(db: Kysely<DB>): Promise<number> {
  const { rows } = await sql<{ n: number }>`select nora.sweep_workspaces() as n`.execute(db)
  return rows[0]!.n
}

/** Erases keys whose owner left the workspace a week ago; gives how many. For workers. */
export async function eraseLeftKeys(db: Kysely<DB>): Promise<number> {
  const { rows } = await sql<{ n: number }>`select nora.erase_left_keys() as n`.execute(db)
  return rows[0]!.n
}
