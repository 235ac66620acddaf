import { holdOperation, leaseOperation } from '@nora/db/leases'
import { person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { beforeAll, beforeEach, expect, test } from 'vitest'

const database = testDatabase()
let owner: Awaited<ReturnType<typeof person>>
let [agentId, otherId] = ['', '']

beforeAll(async () => {
  owner = await person(database, 'owner')
})
beforeEach(async () => {
  await database.asSuperuser('delete from nora.operations')
  ;[agentId, otherId] = [await agent(), await agent()]
})

async function agent(): Promise<string> {
  const [row] = await database.asSuperuser<{ id: string }>(
    `insert into nora.agents (workspace_id, owner_id, name, runtime, target, sandbox_profile, cpus, memory_mb, disk_mb, pids)
     values ($1, $2, 'a', 'image', 'docker', 'standard', 1, 64, 64, 32) returning id`,
    [owner.workspaceId, owner.userId],
  )
  return row!.id
}

/** One that is due since `since` minutes, and has `left` minutes. */
async function insert({ since = 0, left = 15, of = agentId, kind = 'provision' }): Promise<string> {
  const [row] = await database.asSuperuser<{ id: string }>(
    `insert into nora.operations (workspace_id, agent_id, kind, not_before, deadline_at)
     values ($1, $2, $3, now() - make_interval(mins => $4), now() + make_interval(mins => $5)) returning id`,
    [owner.workspaceId, of, kind, since, left],
  )
  return row!.id
}

const lease = (id: string, worker = 'w1') => leaseOperation(database.worker, id, worker, 60_000)
const set = (id: string, values: string) =>
  database.asSuperuser(`update nora.operations set ${values} where id = $1`, [id])
const minutesTo = (time: Date) => (time.getTime() - Date.now()) / 60_000
async function minutesLeft(id: string): Promise<number> {
  const [row] = await database.asSuperuser<{ at: Date }>(
    'select deadline_at as at from nora.operations where id = $1',
    [id],
  )
  return minutesTo(row!.at)
}
/** As many as these, give or take what a machine may stand still for. */
const about = (minutes: number) => ({ asymmetricMatch: (found: number) => Math.abs(found - minutes) < 2 })

test('what no worker took in its time has its time all the same, and so has what waited behind another of its agent', async () => {
  const first = await insert({ since: 60, left: -45 })
  const second = await insert({ since: 60, left: -45, kind: 'restart' })
  const leased = await lease(first)
  expect(minutesTo(leased!.deadlineAt)).toEqual(about(15))
  expect(await minutesLeft(first)).toEqual(about(15))
  expect(await minutesLeft(second)).toEqual(about(-45))
  await set(first, `status = 'succeeded'`)
  expect(minutesTo((await lease(second))!.deadlineAt)).toEqual(about(15))
})

test('what a worker left behind waits for the next one without using up its time; what a worker had it for is used up', async () => {
  const id = await insert({})
  await lease(id)
  // A worker had it for ten minutes and died; fifty later there is another.
  await set(id, `lease_until = now() - interval '50 minutes', deadline_at = now() - interval '45 minutes'`)
  expect(minutesTo((await lease(id, 'w2'))!.deadlineAt)).toEqual(about(5))
  await set(id, `lease_until = now(), deadline_at = now() - interval '1 hour'`)
  expect(minutesTo((await lease(id, 'w3'))!.deadlineAt)).toEqual(about(-60))
})

test('one that kills each worker ends in its time, however long it lies between them', async () => {
  const id = await insert({})
  const left: number[] = []
  for (let taken = 0; taken < 20; taken++) {
    const leased = await lease(id)
    left.push(minutesTo(leased!.deadlineAt))
    // Its worker died at once, and the next one comes after three minutes.
    await set(
      id,
      `lease_until = now() - interval '3 minutes', deadline_at = deadline_at - interval '3 minutes'`,
    )
  }
  expect(left.slice(0, 10)).toEqual(Array(10).fill(about(15)))
  expect(left.at(-1)).toEqual(about(-15))
})

test('one that is cancelled before it is due again has no more time for that, and no less', async () => {
  const id = await insert({ since: -30, left: 10 })
  await set(id, 'cancel_requested_at = now()')
  expect(minutesTo((await lease(id))!.deadlineAt)).toEqual(about(10))
})

test('a start that the host guard holds has its whole time again, by the word of whoever has the lease alone', async () => {
  const id = await insert({ left: 5 })
  const { actor } = (await lease(id))!
  for (const wrong of [{ attempt: 2 }, { workerId: 'w2' }, { operationId: await insert({ of: otherId }) }])
    expect(await holdOperation(database.worker, { ...actor, ...wrong }, 2_000, 'no')).toBe(false)
  expect(await minutesLeft(id)).toEqual(about(5))
  expect(await holdOperation(database.worker, actor, 2_000, 'waiting for the guard')).toBe(true)
  expect(await minutesLeft(id)).toEqual(about(15))
  const look =
    'select status, reason, worker_id, not_before > now() as later from nora.operations where id = $1'
  expect(await database.asSuperuser(look, [id])).toEqual([
    { status: 'pending', reason: 'waiting for the guard', worker_id: null, later: true },
  ])
  expect(await holdOperation(database.worker, actor, 2_000, 'twice')).toBe(false)
})

test('a hold shortens nothing, and lets nothing that waits behind it, or is owed, wait for longer', async () => {
  const long = await insert({ left: 60 })
  expect(await holdOperation(database.worker, (await lease(long))!.actor, 0, 'held')).toBe(true)
  expect(await minutesLeft(long)).toEqual(about(60))
  const short = await insert({ left: 5, of: otherId })
  const behind = await insert({ of: otherId, kind: 'sync-keys' })
  expect(await holdOperation(database.worker, (await lease(short))!.actor, 0, 'held')).toBe(true)
  expect(await minutesLeft(short)).toEqual(about(5))
  await set(behind, `status = 'succeeded'`)
  expect(await holdOperation(database.worker, (await lease(short))!.actor, 0, 'held')).toBe(true)
  expect(await minutesLeft(short)).toEqual(about(15))
  const owes = (keys: boolean) =>
    database.asSuperuser('update nora.agents set keys_owed = $1 where id = $2', [keys, otherId])
  await set(short, 'not_before = now(), deadline_at = now() + make_interval(mins => 5)')
  await owes(true)
  const leased = await lease(short)
  expect(await holdOperation(database.worker, leased!.actor, 0, 'held')).toBe(true)
  expect(await minutesLeft(short)).toEqual(about(5))
  // What gives the agent its keys before all else has done so when it is held.
  await set(short, `kind = 'sync-keys'`)
  expect(await holdOperation(database.worker, (await lease(short))!.actor, 0, 'held')).toBe(true)
  expect(await minutesLeft(short)).toEqual(about(15))
})
