import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { operationsDoorbell, ring } from '@nora/queue/operations'
import { watchStalls } from '@nora/testing/own-time'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { workerFixture } from './testing/worker-fixture.ts'
import { spawnWorker, type WorkerProcess } from './testing/worker-process.ts'

const it = workerFixture()
const redis = testRedis()
const agents = 20
const workers: WorkerProcess[] = []
let connection: Redis
let queue: ReturnType<typeof operationsDoorbell>

beforeAll(() => {
  connection = new Redis(redis.url, { maxRetriesPerRequest: null })
  queue = operationsDoorbell(connection, redis.prefix)
})
let engine: Awaited<ReturnType<typeof listenToEngine>> | undefined
afterAll(async () => {
  engine?.close()
  await Promise.all(workers.splice(0).map((worker) => worker.end('SIGTERM')))
  await queue.close()
  connection.disconnect()
})

/** As the api does it once an operation is written; gives its id back. */
async function rung(operationId: string): Promise<string> {
  await ring(queue, operationId, (error) => {
    throw error
  })
  return operationId
}

/**
 * Listens from now on to what the engine does with this installation's agents, and tells how often it did something to each. The engine
 * remembers its last 256 events alone, of everybody's: asked afterwards it may have forgotten.
 */
async function listenToEngine() {
  const events = await it.docker.getEvents({
    filters: { label: [`com.nora.installation=${it.installation}`, 'com.nora.role=agent'] },
  })
  const heard: { Action: string; Actor: { Attributes: Record<string, string> } }[] = []
  const lines = createInterface({ input: events as Readable })
  lines.on('line', (line) => heard.push(JSON.parse(line)))
  return {
    did(action: string): [string, number][] {
      const times = new Map<string, number>()
      for (const { Action, Actor } of heard) {
        const id = Actor.Attributes['com.nora.agent'] ?? ''
        if (Action === action) times.set(id, (times.get(id) ?? 0) + 1)
      }
      return [...times].sort()
    },
    close() {
      lines.close()
      ;(events as Readable).destroy()
    },
  }
}

async function finished(ids: string[]) {
  return it.database.asSuperuser<{ worker_id: string; status: string; attempt: number }>(
    'select worker_id, status, attempt from nora.operations where id = any($1)',
    [ids],
  )
}

test('two workers share twenty agents: each is made once, by one of them, and taken away once', async () => {
  engine = await listenToEngine()
  const stalls = watchStalls()
  onTestFinished(stalls.stop)
  /** A worker that stood still for longer than its lease bears gave it up, as it should: nothing else is begun a second time. */
  const mostAttempts = () => (stalls.longestMs() < 1_500 ? 1 : 3)
  for (const name of ['worker-a', 'worker-b']) workers.push(spawnWorker(it, redis.url, name))
  await waitUntil(
    'both to have said that they are there',
    async () => (await it.database.asSuperuser('select 1 from nora.workers')).length === 2,
    { deadlineMs: 120_000 },
  )
  const ids: string[] = []
  for (let n = 0; n < agents; n++) ids.push(await it.insertAgent({ memory_mb: 16, disk_mb: 1, pids: 8 }))
  const made = await Promise.all(ids.map(async (id) => rung(await it.insertOperation(id, 'provision'))))
  for (const id of made) await it.untilOperation(id, 'succeeded', 150_000)

  for (const id of ids) {
    expect((await it.containersOf(id)).map(({ State }) => State)).toEqual(['running'])
    expect((await it.agent(id)).state).toBe('running')
  }
  const onceEach = ids.map((id) => [id, 1]).sort()
  await expect.poll(() => engine?.did('create'), { timeout: 60_000 }).toEqual(onceEach)
  const shares = await finished(made)
  // Nothing was begun a second time, and neither stood by.
  expect(Math.max(...shares.map(({ attempt }) => attempt))).toBeLessThanOrEqual(mostAttempts())
  expect(new Set(shares.map(({ worker_id: worker }) => worker))).toEqual(new Set(['worker-a', 'worker-b']))

  const gone = await Promise.all(ids.map(async (id) => rung(await it.queueBehind(id, 'delete'))))
  for (const id of gone) await it.untilOperation(id, 'succeeded', 150_000)
  for (const id of ids) expect(await it.tracesOf(id)).toEqual([])
  await expect.poll(() => engine?.did('destroy'), { timeout: 60_000 }).toEqual(onceEach)
  expect(engine.did('create')).toEqual(onceEach)
  expect(Math.max(...(await finished(gone)).map(({ attempt }) => attempt))).toBeLessThanOrEqual(
    mostAttempts(),
  )
}, 400_000)
