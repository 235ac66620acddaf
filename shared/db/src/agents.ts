import { sql } from 'kysely'
import type { Tx } from './actor.ts'
import type { AgentState, DesiredState } from './schema.ts'

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

/** What is and should be of the agent, locked until the transaction ends: whoever changes it goes one by one. */
export function lockAgent(tx: Tx, id: string) {
  return tx
    .selectFrom('agents')
    .select([
      'id',
      'workspace_id',
      'owner_id',
      'name',
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

export type SpecOfAgent = Awaited<ReturnType<typeof specOfAgent>>

/** What a locked agent was asked to be. */
export function specOfAgent(tx: Tx, id: string) {
  return tx
    .selectFrom('agents')
    .select([
      'id',
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
    ])
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
}

/** Whether the whole server has room for the agents that this transaction has made; nobody else counts until it ends. Call it last. */
export async function takeAgentRoom(tx: Tx, limit: number): Promise<boolean> {
  const { rows } = await sql<{ room: boolean }>`select nora.take_agent_room(${limit}) as room`.execute(tx)
  return rows[0]!.room
}

/** Whether the whole server has room for one agent more: for showing it. `takeAgentRoom` decides. */
export async function hasAgentRoom(tx: Tx, limit: number): Promise<boolean> {
  const { rows } = await sql<{ room: boolean | null }>`select nora.has_agent_room(${limit}) as room`.execute(
    tx,
  )
  return rows[0]!.room === true
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
