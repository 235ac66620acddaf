import { deepStrictEqual } from 'node:assert/strict'
import { access, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { loopFiles } from './parts.ts'
import type { World } from './world.ts'

export type Expected = {
  /** `counting` (an image that prints numbered lines) has neither a port nor a state volume. */
  kind: 'starter' | 'counting'
  state: 'running' | 'stopped' | 'deleted'
  /** The last four characters of the agent's only key. */
  key: string
}

type Row = {
  state: string
  state_reason: string
  generation: number
  observed_generation: number
  desired_state: string
  container_id: string | null
  open: string | null
}

/**
 * Compares what the API says, what the database holds, what the engine has, what lies in memory and on disk, and what
 * the agent itself does with what it should be. Throws an AssertionError at the first difference.
 */
export async function lookAtAgent(world: World, agentId: string, expected: Expected): Promise<void> {
  const [row] = await world.rows<Row>(
    `select a.*, (select string_agg(o.kind || ' is ' || o.status || ': ' || o.reason, '; ') from nora.operations o
      where o.agent_id = a.id and o.status in ('pending', 'leased')) as open from nora.agents a where a.id = $1`,
    [agentId],
  )
  if (!row) throw new Error(`the agent ${agentId} has no row`)
  deepStrictEqual(row.open, null, `an operation is still open: ${row.open}`)
  deepStrictEqual(row.desired_state, expected.state)
  const things = await thingsOf(world, agentId)
  if (expected.state === 'deleted') {
    deepStrictEqual((await world.client.get(`agents/${agentId}`)).status, 404)
    deepStrictEqual(things, { ...nothing, containers: [] })
    return
  }
  const { body } = await world.client.get(`agents/${agentId}`)
  const up = expected.kind === 'starter' ? 'healthy' : 'running'
  const reason = expected.state === 'running' ? up : 'stopped on request'
  deepStrictEqual([body['state'], body['stateReason']], [expected.state, reason])
  deepStrictEqual([row.state, row.state_reason], [expected.state, reason])
  deepStrictEqual(things, wanted(row, expected, things))
  if (expected.kind === 'starter') await lookAtCall(world, agentId, expected)
  else if (expected.state === 'running') await lookAtFile(world, agentId, expected.key)
}

type Things = {
  containers: { running: boolean; generation: number; id: string }[]
  networks: number
  volumes: number
  keyFiles: string[] | null
  disk: boolean
  loops: number
}

const nothing: Omit<Things, 'containers'> = { networks: 0, volumes: 0, keyFiles: null, disk: false, loops: 0 }
/** What there must be; of a stopped agent one container that does not run, or none. */
function wanted(row: Row, expected: Expected, found: Things): Things {
  const running = expected.state === 'running'
  const [old] = found.containers
  const container = running
    ? { running, generation: row.observed_generation, id: row.container_id ?? 'none recorded' }
    : old && { running, generation: old.generation, id: row.container_id ?? 'none recorded' }
  const stateful = expected.kind === 'starter'
  return {
    containers: container ? [container] : [],
    networks: 1,
    volumes: stateful ? 1 : 0,
    keyFiles: running ? ['keys.json'] : null,
    disk: stateful,
    loops: stateful ? 1 : 0,
  }
}

async function thingsOf(world: World, agentId: string): Promise<Things> {
  const filters = { label: [`com.nora.agent=${agentId}`] }
  const [containers, networks, { Volumes: volumes }] = await Promise.all([
    world.docker.listContainers({ all: true, filters }),
    world.docker.listNetworks({ filters }),
    world.docker.listVolumes({ filters }),
  ])
  const disks = await readdir(world.diskDir).catch(() => [])
  return {
    containers: containers.map(seen),
    networks: networks.length,
    volumes: volumes?.length ?? 0,
    keyFiles: await namesIn(join(world.keysDir, agentId)),
    disk: disks.some((name) => name.startsWith(agentId)),
    loops: (await loopFiles(world.diskDir)).filter((file) => file.includes(agentId)).length,
  }
}

const seen = (container: Docker.ContainerInfo) => ({
  running: container.State === 'running',
  generation: Number(container.Labels['com.nora.generation']),
  id: container.Id,
})

/** Which key files an agent has; keys of single fields are told by `keys.json` already. */
async function namesIn(folder: string): Promise<string[] | null> {
  const there = await access(folder).then(
    () => true,
    () => false,
  )
  return there ? (await readdir(folder)).filter((name) => !/^key-|^[0-9a-f-]{36}/.test(name)).sort() : null
}

/** The proof of the right key is that the provider is called with it, and with no other. */
async function lookAtCall(world: World, agentId: string, expected: Expected): Promise<void> {
  const before = world.provider.authorizations.length
  const answer = await world.client.once('POST', `agents/${agentId}/invoke/v1/chat/completions`, {
    model: 'test',
    messages: [{ role: 'user', content: 'which key?' }],
  })
  if (expected.state !== 'running') return deepStrictEqual(answer.status, 409)
  const choices = answer.body['choices'] as { message: { content: string } }[] | undefined
  deepStrictEqual(
    [answer.status, choices?.[0]?.message.content ?? answer.body],
    [200, `Hello from key ${expected.key}`],
  )
  deepStrictEqual(
    world.provider.authorizations.slice(before).map((header) => header.slice(-4)),
    [expected.key],
  )
}

async function lookAtFile(world: World, agentId: string, key: string): Promise<void> {
  const file = JSON.parse(await readFile(join(world.keysDir, agentId, 'keys.json'), 'utf8')) as {
    keys: { apiKey: string }[]
  }
  deepStrictEqual(
    file.keys.map(({ apiKey }) => apiKey.slice(-4)),
    [key],
  )
}
