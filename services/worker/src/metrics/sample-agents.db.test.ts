import { leaseFollower } from '@nora/db/followers'
import { type Person, person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { BackendError, type Usage } from '../backends/backend.ts'
import { storeAgent } from '../secrets/testing/arrange.ts'
import { sampleOf, sampleRounds, trimAllSamples } from './sample-agents.ts'

const database = testDatabase()
const never = new AbortController().signal
let alice: Person
/** What the engine says of each container, and how often it was asked; an error is thrown. */
const engine = new Map<string, Partial<Usage> | Error>()
let asked: string[]
let atOnce: { now: number; most: number }

const backend = {
  async usage(containerId: string): Promise<Usage | undefined> {
    asked.push(containerId)
    atOnce.most = Math.max(atOnce.most, ++atOnce.now)
    await new Promise(setImmediate)
    atOnce.now--
    const said = engine.get(containerId)
    if (said instanceof Error) throw said
    return said && { ...idle, ...said }
  },
}
const idle: Usage = {
  ...{ takenAt: 1_000, cpuNs: 0, memoryBytes: 10, memoryLimitBytes: 100 },
  ...{ networkRxBytes: 7, networkTxBytes: 8, pids: 2 },
}

beforeAll(async () => {
  alice = await person(database, 'alice')
})
beforeEach(async () => {
  await database.asSuperuser('delete from nora.agents')
  engine.clear()
  asked = []
  atOnce = { now: 0, most: 0 }
})

const rounds = (workerId = 'w1') => sampleRounds({ db: database.worker, workerId, backend })
/** A running agent in a container, whose log a worker follows. */
async function agent(containerId: string, workerId = 'w1', row: Record<string, unknown> = {}) {
  const id = await storeAgent(database, alice, { container_id: containerId, state: 'running', ...row })
  await leaseFollower(database.worker, id, workerId, 60_000)
  engine.set(containerId, {})
  return id
}
const samples = async () =>
  database.asSuperuser<Record<string, unknown>>(
    `select agent_id, cpu_percent::float8 as cpu, memory_bytes::int as memory, memory_limit_bytes::int as limit,
       network_rx_bytes::int as rx, network_tx_bytes::int as tx, pids, at > now() - interval '10 minutes' as fresh
     from nora.agent_samples order by at`,
  )

test('the second reading is a sample: CPU since the first, everything else as it is', async () => {
  const id = await agent('c1')
  const round = rounds()
  await round(never)
  expect(await samples()).toEqual([])
  engine.set('c1', { takenAt: 11_000, cpuNs: 12_345_678_900, memoryBytes: 50, pids: 9 })
  await round(never)
  const more = { limit: 100, rx: 7, tx: 8, pids: 9, fresh: true }
  expect(await samples()).toEqual([{ agent_id: id, cpu: 123.46, memory: 50, ...more }])
})

test.each([
  ['of another container', { containerId: 'c0', usage: idle }, { takenAt: 2_000 }],
  [
    'of a run before, which had used more',
    { containerId: 'c', usage: { ...idle, cpuNs: 9 } },
    { takenAt: 2_000 },
  ],
  ['of the same moment', { containerId: 'c', usage: idle }, {}],
  ['that is not there', undefined, { takenAt: 2_000 }],
])('a reading %s gives no sample', (_, before, now) => {
  expect(sampleOf({ agentId: 'a', containerId: 'c' }, before, { ...idle, ...now })).toBeUndefined()
})

test('a worker samples the agents whose log it follows, and no other worker does', async () => {
  const [mine, theirs] = [await agent('c1', 'w1'), await agent('c2', 'w2')]
  const both = [rounds('w1'), rounds('w2')]
  for (const round of both) await round(never)
  for (const containerId of ['c1', 'c2']) engine.set(containerId, { takenAt: 2_000 })
  for (const round of both) await round(never)
  expect(asked.sort()).toEqual(['c1', 'c1', 'c2', 'c2'])
  expect((await samples()).map((one) => one['agent_id']).sort()).toEqual([mine, theirs].sort())
})

test('agents that do not run are not looked at, nor those whose lease is over', async () => {
  await agent('stopped', 'w1', { state: 'stopped' })
  await agent('deleted', 'w1', { deleted_at: new Date() })
  const lost = await agent('lost')
  await database.asSuperuser(
    `update nora.log_followers set lease_until = now() - interval '1 second' where agent_id = $1`,
    [lost],
  )
  await rounds()(never)
  expect(asked).toEqual([])
})

test.each([
  ['another worker follows it', `update nora.log_followers set worker_id = 'w2'`],
  ['it has another container', `update nora.agents set container_id = 'c9'`],
  ['it is deleted', 'update nora.agents set deleted_at = now()'],
])('what was read is not written when by then %s', async (_, change) => {
  await agent('c1')
  let meanwhile = async () => {}
  const usage = async (id: string) => {
    await meanwhile()
    return backend.usage(id)
  }
  const round = sampleRounds({ db: database.worker, workerId: 'w1', backend: { usage } })
  await round(never)
  engine.set('c1', { takenAt: 2_000 })
  meanwhile = async () => void (await database.asSuperuser(change))
  await round(never)
  expect(asked).toEqual(['c1', 'c1'])
  expect(await samples()).toEqual([])
})

test('one container that cannot be read fails the round, and the others are written', async () => {
  await agent('bad')
  const ids = [await agent('c1'), await agent('c2')]
  engine.set('bad', new BackendError('timeout', 'it hangs', { retry: true }))
  const round = rounds()
  await expect(round(never)).rejects.toThrow('it hangs')
  for (const containerId of ['c1', 'c2']) engine.set(containerId, { takenAt: 2_000 })
  await expect(round(never)).rejects.toThrow('it hangs')
  expect((await samples()).map((one) => one['agent_id']).sort()).toEqual(ids.sort())
})

test('thirty-two are read at once, and an engine that is away is not asked again and again', async () => {
  for (let n = 0; n < 40; n++) await agent(`c${n}`)
  await rounds()(never)
  expect([asked.length, atOnce.most]).toEqual([40, 32])
  asked = []
  for (const id of engine.keys())
    engine.set(id, new BackendError('engine-unavailable', 'away', { retry: true }))
  await expect(rounds()(never)).rejects.toThrow('away')
  expect(asked).toHaveLength(32)
})

test('what is older than a day goes, and all of an agent that is deleted', async () => {
  const [kept, gone] = [await agent('c1'), await agent('c2')]
  for (const id of [kept, gone]) {
    await database.asSuperuser(
      `insert into nora.agent_samples (workspace_id, agent_id, at, cpu_percent, memory_bytes, memory_limit_bytes,
         network_rx_bytes, network_tx_bytes, pids)
       select $1, $2, now() - n * interval '1 second', 1, 1, 1, 1, 1, 1 from generate_series(1, 24 * 3600 + 500, 100) n`,
      [alice.workspaceId, id],
    )
  }
  const count = async () =>
    database.asSuperuser(
      `select agent_id, count(*)::int as n, min(at) > now() - interval '24 hours' as young from nora.agent_samples group by 1`,
    )
  await database.asSuperuser('update nora.agents set deleted_at = now() where id = $1', [gone])
  expect(await trimAllSamples(database.worker, never)).toBe(5 + 869)
  expect(await count()).toEqual([{ agent_id: kept, n: 864, young: true }])
  expect(await trimAllSamples(database.worker, never)).toBe(0)
  await database.asSuperuser('delete from nora.agents')
  expect(await count()).toEqual([])
})
