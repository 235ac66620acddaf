import type { Agent } from '@nora/contract/agents'
import { sql } from 'kysely'
import type { Tx } from './actor.ts'
import { agentColumns, agentSummaryColumns } from './agent-json.ts'
import { afterPlace, decodeCursor, pageText } from './cursor.ts'
import type { Statement } from './one-flush.ts'
import type { Read } from './read.ts'
import type { AgentState } from './schema.ts'

// Deleted agents are nobody's; the workspace stands here, too, so that the index is used.
const ofWorkspace = 'a.deleted_at is null and a.workspace_id = (select nora.workspace())'

/** One agent with its keys and its newest operation, as it is shown; undefined when it is gone or of another workspace. */
export async function agentById(tx: Tx, id: string): Promise<Agent | undefined> {
  const { rows } = await sql<{ agent: Agent }>`select row_to_json(x) as agent
    from agents a, lateral (select ${sql.raw(agentColumns)}) x where ${sql.raw(ofWorkspace)} and a.id = ${id}`.execute(
    tx,
  )
  return rows[0]?.agent
}

/** What of a workspace's agents is asked for. `q` is a part of the name in any case. */
export type AgentFilter = { limit: number; cursor?: string; state?: AgentState; q?: string }

const statements = new Map<string, Statement>()

/**
 * The workspace's agents, newest first, as the JSON of contract's `AgentPage`. Throws DomainError `bad-request` for a foreign cursor.
 */
export function agentPage({ limit, cursor, state, q }: AgentFilter): Read {
  const values: string[] = [String(limit)]
  const conditions = [ofWorkspace]
  const bind = (value: string) => `$${values.push(value)}`
  if (state !== undefined) conditions.push(`a.state = ${bind(state)}`)
  if (q !== undefined) conditions.push(`position(lower(${bind(q)}) in lower(a.name)) > 0`)
  if (cursor !== undefined) {
    const { createdUs, id } = decodeCursor(cursor)
    conditions.push(afterPlace('a', bind(String(createdUs)), bind(id)))
  }
  return { statement: statementOf(conditions.join(' and ')), values }
}

/** Each combination of filters is one statement, with one name: eight at the most. */
function statementOf(where: string): Statement {
  const found = statements.get(where)
  if (found) return found
  const text = pageText({ table: 'agents', alias: 'a', columns: agentSummaryColumns, where })
  const statement = { name: `nora_agents_${statements.size}`, text }
  statements.set(where, statement)
  return statement
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

/** Whether the storage held the newest of the workspace's agents to its disk limit; null: none was provisioned yet. */
export async function diskEnforcedLately(tx: Tx): Promise<boolean | null> {
  const { rows } = await sql<{ enforced: boolean }>`select a.disk_enforced as enforced from agents a
    where ${sql.raw(ofWorkspace)} and a.disk_enforced is not null order by a.created_at desc, a.id desc limit 1`.execute(
    tx,
  )
  return rows[0]?.enforced ?? null
}
