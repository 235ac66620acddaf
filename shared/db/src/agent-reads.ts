import { type SqlBool, sql } from 'kysely'
import { jsonArrayFrom, jsonObjectFrom } from 'kysely/helpers/postgres'
import type { Tx } from './actor.ts'
import { afterCursor, createdUs, decodeCursor, pageOfRows } from './cursor.ts'
import type { AgentState } from './schema.ts'

const summary = [
  'agents.id',
  'agents.workspace_id',
  'agents.owner_id',
  'agents.name',
  'agents.runtime',
  'agents.image',
  'agents.target',
  'agents.sandbox_profile',
  'agents.cpus',
  'agents.memory_mb',
  'agents.disk_mb',
  'agents.pids',
  'agents.desired_state',
  'agents.state',
  'agents.state_reason',
  'agents.generation',
  'agents.observed_generation',
  'agents.disk_enforced',
  'agents.created_at',
  'agents.updated_at',
] as const

// Times inside JSON come as text with an offset; the caller makes them UTC.
const select = (tx: Tx) =>
  tx
    .selectFrom('agents')
    .select(summary)
    .select(createdUs('agents').as('created_us'))
    .select((eb) => [
      jsonArrayFrom(
        eb
          .selectFrom('agent_credentials as ac')
          .leftJoin('credentials as c', (join) =>
            join.onRef('c.workspace_id', '=', 'ac.workspace_id').onRef('c.id', '=', 'ac.credential_id'),
          )
          .select(['ac.credential_id as id', 'c.label', 'ac.synced_secret_version', 'ac.synced_at'])
          .whereRef('ac.workspace_id', '=', 'agents.workspace_id')
          .whereRef('ac.agent_id', '=', 'agents.id')
          .orderBy('ac.attached_at')
          .orderBy('ac.credential_id'),
      ).as('keys'),
      jsonObjectFrom(
        eb
          .selectFrom('operations as o')
          .select([
            'o.id',
            'o.kind',
            'o.status',
            'o.step',
            'o.reason',
            'o.created_at',
            'o.finished_at',
            'o.error',
          ])
          .whereRef('o.workspace_id', '=', 'agents.workspace_id')
          .whereRef('o.agent_id', '=', 'agents.id')
          .orderBy('o.seq', 'desc')
          .limit(1),
      ).as('operation'),
    ])
    .where('agents.deleted_at', 'is', null)
    .where('agents.workspace_id', '=', sql<string>`(select nora.workspace())`)

export type AgentSummaryRow = Awaited<ReturnType<typeof listAgents>>['rows'][number]
export type AgentRow = NonNullable<Awaited<ReturnType<typeof agentById>>>

/** One agent with its keys and its newest operation; undefined when it is gone or of another workspace. */
export function agentById(tx: Tx, id: string) {
  return select(tx)
    .select(['agents.env', 'agents.config', 'agents.command', 'agents.port'])
    .where('agents.id', '=', id)
    .executeTakeFirst()
}

/** The workspace's agents, newest first. `q` is a part of the name in any case. */
export async function listAgents(
  tx: Tx,
  filter: { limit: number; cursor?: string; state?: AgentState; q?: string },
) {
  let query = select(tx)
    .orderBy('agents.created_at', 'desc')
    .orderBy('agents.id', 'desc')
    .limit(filter.limit + 1)
  if (filter.state !== undefined) query = query.where('agents.state', '=', filter.state)
  if (filter.q !== undefined) {
    query = query.where(sql<SqlBool>`position(lower(${filter.q}) in lower(agents.name)) > 0`)
  }
  if (filter.cursor !== undefined) query = query.where(afterCursor('agents', decodeCursor(filter.cursor)))
  return pageOfRows(await query.execute(), filter.limit)
}

/** What an invocation needs to know: where the agent stands. Undefined when it is gone or of another workspace. */
export function agentRoute(tx: Tx, id: string) {
  return tx
    .selectFrom('agents')
    .leftJoin('gateways', 'gateways.id', 'agents.gateway_id')
    .select([
      'agents.id',
      'agents.workspace_id',
      'agents.state',
      'agents.state_reason',
      'gateways.invoke_url',
    ])
    .where('agents.id', '=', id)
    .where('agents.deleted_at', 'is', null)
    .executeTakeFirst()
}

/** Whether the agent is there for this actor. */
export async function agentExists(tx: Tx, id: string): Promise<boolean> {
  const row = await tx
    .selectFrom('agents')
    .select('id')
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  return row !== undefined
}
