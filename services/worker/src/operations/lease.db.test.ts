import { withActor } from '@nora/db/actor'
import { connect } from '@nora/db/connect'
import {
  announceStep,
  dueOperations,
  endLeasesOf,
  leaseOperation,
  releaseOperation,
  renewOperation,
} from '@nora/db/leases'
import { recordStep } from '@nora/db/worker-agents'
import { person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { waitUntil } from '@nora/testing/wait-until'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { keepLease } from './keep-lease.ts'

const database = testDatabase()
let agentId: string
let owner: Awaited<ReturnType<typeof person>>

const insert = async (over: Record<string, unknown> = {}) => {
  const row = { workspace_id: owner.workspaceId, agent_id: agentId, kind: 'provision', ...over }
  const names = Object.keys(row)
  const marks = names.map((_, index) => `$${index + 1}`)
  const [inserted] = await database.asSuperuser<{ id: string }>(
    `insert into nora.operations (${names}) values (${marks}) returning id`,
    Object.values(row),
  )
  return inserted!.id
}
const lease = (id: string, worker: string, ms = 60_000) => leaseOperation(database.worker, id, worker, ms)
const expire = (id: string) =>
  database.asSuperuser(`update nora.operations set lease_until = now() - interval '1 ms' where id = $1`, [id])
const cancel = (id: string) =>
  database.asSuperuser(`update nora.operations set cancel_requested_at = now() where id = $1`, [id])
const due = async () => (await dueOperations(database.worker, 10, 0)).map((one) => one.id)

beforeAll(async () => {
  owner = await person(database, 'owner')
})
beforeEach(async () => {
  await database.asSuperuser('delete from nora.operations')
  const [agent] = await database.asSuperuser<{ id: string }>(
    `insert into nora.agents (workspace_id, owner_id, name, runtime, target, sandbox_profile, cpus, memory_mb, disk_mb, pids)
     values ($1, $2, 'a', 'image', 'docker', 'standard', 1, 64, 64, 32) returning id`,
    [owner.workspaceId, owner.userId],
  )
  agentId = agent!.id
})

test('one of many workers at once gets it', async () => {
  const id = await insert()
  const tries = await Promise.all(Array.from({ length: 8 }, (_, n) => lease(id, `w${n}`)))
  expect(tries.filter(Boolean)).toHaveLength(1)
})

test('operations of one agent run one after another, in the order they were asked for', async () => {
  const [first, second] = [await insert(), await insert({ kind: 'restart' })]
  expect(await due()).toEqual([first])
  expect(await lease(second, 'w1')).toBeUndefined()
  const leased = await lease(first, 'w1')
  expect(await lease(second, 'w2')).toBeUndefined()
  await database.asSuperuser(`update nora.operations set status = 'succeeded' where id = $1`, [leased!.id])
  expect((await lease(second, 'w2'))?.id).toBe(second)
})

test('after a takeover the old worker writes nothing, renews nothing and gives nothing back', async () => {
  const id = await insert()
  const old = await lease(id, 'w1')
  await expire(id)
  expect(await due()).toEqual([id])
  const taken = await lease(id, 'w2')
  expect(taken?.attempt).toBe(2)
  await expect(
    withActor(database.worker, old!.actor, (tx) => recordStep(tx, id, 'start', 'stale')),
  ).rejects.toMatchObject({ code: 'NR409' })
  expect(await renewOperation(database.worker, old!.actor, 6_000)).toBeUndefined()
  expect(await releaseOperation(database.worker, old!.actor, 0, 'stale')).toBe(false)
  await withActor(database.worker, taken!.actor, (tx) => recordStep(tx, id, 'start', 'true'))
  const [row] = await database.asSuperuser('select reason from nora.operations where id = $1', [id])
  expect(row).toEqual({ reason: 'true' })
})

test('a lease that ended refuses writes also before anybody took it over, and the same name does not help', async () => {
  const id = await insert()
  const old = await lease(id, 'w1')
  await expire(id)
  await expect(withActor(database.worker, old!.actor, async () => true)).rejects.toMatchObject({
    code: 'NR409',
  })
  expect((await lease(id, 'w1'))?.attempt).toBe(2)
  await expect(withActor(database.worker, old!.actor, async () => true)).rejects.toMatchObject({
    code: 'NR409',
  })
})

test('an operation sees its own agent and no other, not even of its own workspace', async () => {
  const id = await insert()
  const leased = await lease(id, 'w1')
  await database.asSuperuser(
    `insert into nora.agents (workspace_id, owner_id, name, runtime, target, sandbox_profile, cpus, memory_mb, disk_mb, pids)
     values ($1, $2, 'b', 'image', 'docker', 'standard', 1, 64, 64, 32)`,
    [owner.workspaceId, owner.userId],
  )
  const seen = await withActor(database.worker, leased!.actor, (tx) =>
    tx.selectFrom('agents').select('id').execute(),
  )
  expect(seen).toEqual([{ id: agentId }])
})

test('what was given back is due again after its delay, and at once when it is cancelled', async () => {
  const id = await insert()
  const leased = await lease(id, 'w1')
  expect(await releaseOperation(database.worker, leased!.actor, 60_000, 'waiting for rain')).toBe(true)
  expect(await lease(id, 'w1')).toBeUndefined()
  const [ahead] = await dueOperations(database.worker, 10, 61_000)
  expect(ahead?.id).toBe(id)
  expect(ahead?.dueInMs).toBeGreaterThan(50_000)
  await cancel(id)
  expect(await due()).toEqual([id])
  expect((await lease(id, 'w1'))?.cancelRequested).toBe(true)
})

test('a new process ends the leases of its own name alone', async () => {
  const mine = await insert()
  await lease(mine, 'w1')
  expect(await due()).toEqual([])
  await endLeasesOf(database.worker, 'w2')
  expect(await due()).toEqual([])
  await endLeasesOf(database.worker, 'w1')
  expect(await due()).toEqual([mine])
})

const until = async (id: string) => {
  const [row] = await database.asSuperuser<{ at: Date }>(
    'select lease_until as at from nora.operations where id = $1',
    [id],
  )
  return row!.at.getTime()
}

test('a kept lease is renewed before it ends, hears of a cancel, and ends with the operation', async () => {
  const id = await insert()
  const leased = await lease(id, 'w1')
  const first = await until(id)
  const clocks = { heartbeatMs: 40, abortMs: 40_000, leaseMs: 60_000 }
  const kept = keepLease(database.worker, leased!, performance.now(), clocks)
  for (const later of [1, 300, 600])
    await waitUntil('a later end', async () => (await until(id)) > first + later)
  expect(kept.lost.aborted).toBe(false)
  await withActor(database.worker, leased!.actor, async () => true)
  await cancel(id)
  await waitUntil('the cancel', () => kept.cancelled.aborted)
  expect(kept.lost.aborted).toBe(false)
  await database.asSuperuser(`update nora.operations set status = 'failed' where id = $1`, [id])
  await waitUntil('the loss', () => kept.lost.aborted)
})

test('a worker that cannot reach the database gives itself up before its lease ends', async () => {
  const id = await insert()
  const clocks = { heartbeatMs: 40, abortMs: 400, leaseMs: 60_000 }
  const leased = await lease(id, 'w1', clocks.leaseMs)
  const leasedAt = performance.now()
  const nowhere = connect({
    databaseUrl: 'postgres://nora_worker:none@127.0.0.1:1/none',
    applicationName: 'test-nowhere',
    onError: () => undefined,
  })
  const kept = keepLease(nowhere, leased!, leasedAt, clocks)
  await waitUntil('the loss', () => kept.lost.aborted)
  expect(performance.now() - leasedAt).toBeLessThan(clocks.leaseMs)
  expect(performance.now() - leasedAt).toBeGreaterThanOrEqual(clocks.abortMs - 5)
  await nowhere.destroy()
})

const look = async () => {
  const [agent] = await database.asSuperuser<{ state: string; state_reason: string }>(
    'select state, state_reason from nora.agents where id = $1',
    [agentId],
  )
  const events = await database.asSuperuser<{ seq: number; type: string; data: Record<string, unknown> }>(
    'select seq::int, type, data from nora.events where agent_id = $1 order by seq',
    [agentId],
  )
  return { agent, events }
}

test('a step is announced in the operation, the state and the timeline at once; a state that stays is no event', async () => {
  const id = await insert()
  const { actor } = (await lease(id, 'w1'))!
  const announce = (step: string, reason: string) =>
    announceStep(database.worker, actor, { step, state: 'provisioning', reason })
  expect(await announce('ensure-network', 'making its private network')).toEqual({ cancelRequested: false })
  await cancel(id)
  expect(await announce('start', 'starting')).toEqual({ cancelRequested: true })
  const { agent, events } = await look()
  expect(agent).toEqual({ state: 'provisioning', state_reason: 'starting' })
  const changed = { state: 'provisioning', reason: 'making its private network', operationId: id }
  expect(events).toEqual([
    { seq: 1, type: 'state.changed', data: changed },
    { seq: 2, type: 'step.started', data: { operationId: id, step: 'ensure-network' } },
    { seq: 3, type: 'step.started', data: { operationId: id, step: 'start' } },
  ])
  const [operation] = await database.asSuperuser('select step, reason from nora.operations where id = $1', [
    id,
  ])
  expect(operation).toEqual({ step: 'start', reason: 'starting' })
})

test('whoever lost the lease announces nothing', async () => {
  const id = await insert()
  const first = (await lease(id, 'w1'))!
  await expire(id)
  await lease(id, 'w2')
  const step = { step: 'start', state: 'provisioning', reason: 'starting' } as const
  await expect(announceStep(database.worker, first.actor, step)).rejects.toMatchObject({ code: 'NR409' })
  expect(await look()).toEqual({
    agent: { state: 'queued', state_reason: 'waiting for a worker' },
    events: [],
  })
})
