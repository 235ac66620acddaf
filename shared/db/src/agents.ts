import { type SqlBool, sql } from 'kysely'
import { jsonArrayFrom, jsonObjectFrom } from 'kysely/helpers/postgres'
import type { Tx } from './actor.ts'
import { afterCursor, createdUs, decodeCursor, pageOfRows } from './cursor.ts'
import type { AgentState, DesiredState } from './schema.ts'

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

/**
 * Makes this transaction the only one of the api, until it ends, that asks something of this agent. After it come the
 * agent's open operations and then its row, the order in which a worker takes them too.
 */
export async function lockTurn(tx: Tx, agentId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('nora.agent:' || ${agentId}, 0))`.execute(tx)
}

/**
 * Makes this transaction the only one, until it ends, that changes how many agents the workspace has and which keys they
 * hold. Take it before any row's lock: who counts, attaches or takes a key away does it in this order, so nobody can be
 * caught between two of them.
 */
export async function lockWorkspace(tx: Tx, workspaceId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('nora.workspace:' || ${workspaceId}, 0))`.execute(
    tx,
  )
}

/** How many agents of the workspace take room: all that are not yet gone. */
export async function countAgents(tx: Tx, workspaceId: string): Promise<number> {
  const row = await tx
    .selectFrom('agents')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('workspace_id', '=', workspaceId)
    .where('deleted_at', 'is', null)
    .executeTakeFirstOrThrow()
  return row.count
}

export type AgentSpecRow = {
  image: string | null
  cpus: number
  memory_mb: number
  disk_mb: number
  pids: number
  env: Record<string, string>
  config: Record<string, unknown>
  command: string[] | null
  port: number | null
}

const jsonOf = (spec: Partial<AgentSpecRow>) => ({
  ...spec,
  ...(spec.env && { env: JSON.stringify(spec.env) }),
  ...(spec.config && { config: JSON.stringify(spec.config) }),
  ...(spec.command && { command: JSON.stringify(spec.command) }),
})

/** Inserts an agent that waits for its provisioning, and gives its id. */
export async function insertAgent(
  tx: Tx,
  agent: AgentSpecRow & {
    workspaceId: string
    ownerId: string
    name: string
    runtime: string
    target: string
    sandboxProfile: string
  },
): Promise<string> {
  const { workspaceId, ownerId, sandboxProfile, name, runtime, target, ...spec } = agent
  const row = await tx
    .insertInto('agents')
    .values({
      ...(jsonOf(spec) as Omit<AgentSpecRow, 'env' | 'config' | 'command'>),
      workspace_id: workspaceId,
      owner_id: ownerId,
      sandbox_profile: sandboxProfile,
      name,
      runtime,
      target,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return row.id
}

export type LockedAgent = NonNullable<Awaited<ReturnType<typeof lockAgent>>>

/** The agent's row, locked until the transaction ends: whoever changes its desired state or spec goes one by one. */
export function lockAgent(tx: Tx, id: string) {
  return tx
    .selectFrom('agents')
    .select([
      'id',
      'workspace_id',
      'owner_id',
      'name',
      'runtime',
      'image',
      'cpus',
      'memory_mb',
      'disk_mb',
      'pids',
      'env',
      'config',
      'command',
      'port',
      'desired_state',
      'state',
      'state_reason',
      'generation',
    ])
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .forNoKeyUpdate()
    .executeTakeFirst()
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

/** Changes name or spec of a locked agent; a new spec is a new generation. */
export async function updateAgentSpec(
  tx: Tx,
  id: string,
  change: Partial<AgentSpecRow> & { name?: string },
  newGeneration: boolean,
): Promise<void> {
  await tx
    .updateTable('agents')
    .set({
      ...(jsonOf(change) as Partial<Omit<AgentSpecRow, 'env' | 'config' | 'command'>>),
      ...(newGeneration && { generation: sql<number>`generation + 1` }),
      updated_at: sql<Date>`now()`,
    })
    .where('id', '=', id)
    .execute()
}

/** Writes what should be, and how the agent stands until a worker looks. `crash_count` begins anew. */
export async function setDesired(
  tx: Tx,
  id: string,
  next: {
    desired: DesiredState
    state: AgentState
    reason: string
    keepData?: boolean
    newGeneration?: boolean
  },
): Promise<void> {
  await tx
    .updateTable('agents')
    .set({
      desired_state: next.desired,
      state: next.state,
      state_reason: next.reason,
      state_changed_at: sql<Date>`case when state = ${next.state} then state_changed_at else now() end`,
      crash_count: 0,
      updated_at: sql<Date>`now()`,
      ...(next.keepData !== undefined && { keep_data: next.keepData }),
      ...(next.newGeneration && { generation: sql<number>`generation + 1` }),
    })
    .where('id', '=', id)
    .execute()
}
