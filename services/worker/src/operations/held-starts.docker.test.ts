import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { OperationKind } from '@nora/db/schema'
import { expect, test } from 'vitest'
import { BackendError } from '../backends/backend.ts'
import { waiting } from '../host-guard/judge.ts'
import { workerFixture } from '../testing/worker-fixture.ts'
import type { RunDeps } from './run.ts'
import { runOperation } from './run-operation.ts'

const it = workerFixture()
const never = new AbortController().signal
const words = `${waiting}: it has not said yet that its rules stand`
const whole = 15

const free = (over: Partial<RunDeps> = {}) => it.deps('worker-1', over)
const held = (over: Partial<RunDeps> = {}) => free({ startsHeld: () => words, ...over })
const inMinutes = (minutes: number) => new Date(Date.now() + minutes * 60_000)

/** Makes it due now; of its time `minutes` are left, as when the others went by while a worker had it. */
const spend = (operationId: string, minutes: number) =>
  it.database.asSuperuser(
    `update nora.operations set not_before = now(), deadline_at = now() + make_interval(mins => $2) where id = $1`,
    [operationId, minutes],
  )
/** An hour goes by with every worker gone. */
const lies = (operationId: string) =>
  it.database.asSuperuser(
    `update nora.operations set not_before = not_before - interval '1 hour', deadline_at = deadline_at - interval '1 hour'
     where id = $1`,
    [operationId],
  )

/** How many minutes a waiting operation has from its next try on. */
async function minutesLeft(operationId: string): Promise<number> {
  const { deadline_at, not_before } = (await it.operation(operationId)) as unknown as Record<string, Date>
  return (deadline_at!.getTime() - not_before!.getTime()) / 60_000
}

async function waits(operationId: string, over: Partial<RunDeps> = {}): Promise<void> {
  expect(await runOperation(held(over), operationId, never)).toBe('released')
  const operation = await it.operation(operationId)
  expect(operation).toMatchObject({ status: 'pending', reason: words })
  expect(await it.agent(operation['agent_id'] as string)).toMatchObject({ state_reason: words })
}

/** The program that runs now, by its container and its start. */
async function program(agentId: string): Promise<string | undefined> {
  const [container] = await it.containersOf(agentId)
  if (container?.State !== 'running') return undefined
  const { Id, State } = await it.docker.getContainer(container.Id).inspect()
  return `${Id} ${State.StartedAt}`
}

async function running(): Promise<string> {
  const agentId = await it.insertAgent()
  expect(await runOperation(free(), await it.insertOperation(agentId, 'provision'), never)).toBe('succeeded')
  return agentId
}

async function stopped(): Promise<string> {
  const agentId = await running()
  await it.setAgent(agentId, { desired_state: 'stopped' })
  expect(await runOperation(free(), await it.insertOperation(agentId, 'stop'), never)).toBe('succeeded')
  await it.setAgent(agentId, { desired_state: 'running' })
  return agentId
}

async function gone(): Promise<string> {
  const agentId = await running()
  for (const { Id } of await it.containersOf(agentId))
    await it.docker.getContainer(Id).remove({ force: true })
  return agentId
}

async function changed(): Promise<string> {
  const agentId = await running()
  await it.setAgent(agentId, { generation: 2 })
  return agentId
}

test.each<[OperationKind, () => Promise<string>]>([
  ['provision', () => it.insertAgent()],
  ['start', stopped],
  ['restart', running],
  ['redeploy', changed],
  ['sync-keys', running],
  ['reconcile', gone],
])(
  'a %s that waits for the host guard uses up none of its time, whatever else comes between',
  async (kind, made) => {
    const agentId = await made()
    const before = await program(agentId)
    const operationId = await it.insertOperation(agentId, kind, { deadline_at: inMinutes(5) })
    await waits(operationId)
    expect(await minutesLeft(operationId)).toBeGreaterThanOrEqual(whole)
    await spend(operationId, 5)
    await waits(operationId)
    expect(await minutesLeft(operationId)).toBeGreaterThanOrEqual(whole)

    const away = async () => {
      throw new BackendError('engine-unavailable', 'The engine does not answer.', { retry: true })
    }
    await spend(operationId, 5)
    const backend = { ...free().backend, observe: away }
    expect(await runOperation(held({ backend }), operationId, never)).toBe('released')
    expect((await it.agent(agentId)).state_reason).not.toContain(waiting)
    await lies(operationId)
    await waits(operationId)
    expect(await minutesLeft(operationId)).toBeGreaterThanOrEqual(whole)
    expect(await program(agentId)).toBe(before)

    await lies(operationId)
    expect(await runOperation(free(), operationId, never)).toBe('succeeded')
    expect((await it.agent(agentId)).state).toBe('running')
    const after = await program(agentId)
    expect(after).toBeDefined()
    expect(after).not.toBe(before)
  },
)

test('a start that is given up while it waits is undone, and starts nothing', async () => {
  const agentId = await it.insertAgent()
  const operationId = await it.insertOperation(agentId, 'provision')
  await waits(operationId)
  await it.cancel(operationId, 'stopped')
  expect(await runOperation(held(), operationId, never)).toBe('cancelled')
  // A cancelled operation leaves the volume.
  expect((await it.tracesOf(agentId)).filter((trace) => !trace.startsWith('volume'))).toEqual([])
})

test('what waits for a start is given its keys when it starts; a key that is taken back goes at once, and once', async () => {
  let deliveries = 0
  const { keys } = free()
  const deliver: typeof keys.deliver = (...args) => {
    deliveries += 1
    return keys.deliver(...args)
  }
  const counted = { keys: { ...keys, deliver } }
  const tries = async (operationId: string) => {
    deliveries = 0
    for (let n = 0; n < 3; n++) {
      await spend(operationId, whole)
      await waits(operationId, counted)
    }
    return deliveries
  }
  const ends = async (operationId: string) => {
    deliveries = 0
    await spend(operationId, whole)
    expect(await runOperation(free(counted), operationId, never)).toBe('succeeded')
    return deliveries
  }
  const agentId = await it.insertAgent()
  const provision = await it.insertOperation(agentId, 'provision')
  expect(await tries(provision)).toBe(0)
  expect(await ends(provision)).toBe(1)

  const sync = await it.insertOperation(agentId, 'sync-keys')
  expect(await tries(sync)).toBe(1)
  expect(await ends(sync)).toBe(1)

  const [container] = await it.containersOf(agentId)
  await it.docker.getContainer(container!.Id).kill()
  await mkdir(join(it.keysDir, agentId), { recursive: true })
  await writeFile(join(it.keysDir, agentId, 'old-key'), 'x', { mode: 0o400 })
  const takes = await it.insertOperation(agentId, 'sync-keys', { input: '{"takesKeyBack":true}' })
  expect(await tries(takes)).toBe(1)
  expect(await readdir(join(it.keysDir, agentId))).not.toContain('old-key')
  expect(await ends(takes)).toBe(1)
})

test('a key is taken out of what runs while its restart waits: the restart has no more than its deadline then', async () => {
  const agentId = await running()
  const before = await program(agentId)
  const restart = await it.insertOperation(agentId, 'restart')
  await waits(restart)
  const sync = await it.insertOperation(agentId, 'sync-keys', { input: '{"takesKeyBack":true}' })
  await spend(restart, 5)
  await waits(restart)
  expect(await minutesLeft(restart)).toBeLessThan(whole - 5)
  await spend(restart, -60)
  expect(await runOperation(held(), restart, never)).toBe('failed')
  expect(await it.operation(restart)).toMatchObject({
    error: { code: 'deadline', message: `not done in time; it was ${words}` },
  })
  await writeFile(join(it.keysDir, agentId, 'old-key'), 'x', { mode: 0o400 })
  await lies(sync)
  await waits(sync)
  expect(await readdir(join(it.keysDir, agentId))).not.toContain('old-key')
  expect(await minutesLeft(sync)).toBeGreaterThanOrEqual(whole)
  expect(await program(agentId)).toBe(before)
})
