import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningWorker } from '../start-worker.ts'
import { workerFixture } from '../testing/worker-fixture.ts'
import { workerInProcess } from '../testing/worker-in-process.ts'

const it = workerFixture()
const redis = testRedis()
const everyMs = 400
const workers: RunningWorker[] = []

beforeAll(async () => {
  const periods = { metrics: everyMs, metricsRetention: 500 }
  for (let n = 0; n < 2; n++) workers.push(await workerInProcess(it, redis.url, periods))
})
afterAll(async () => {
  for (const worker of workers) await worker.stop()
})

type Sample = { ms: number; cpu: number; memory: number; limit: number; rx: number; pids: number }
const samplesOf = (agentId: string) =>
  it.database.asSuperuser<Sample>(
    `select (extract(epoch from at) * 1000)::float8 as ms, cpu_percent::float8 as cpu, memory_bytes::int as memory,
       memory_limit_bytes::int as limit, network_rx_bytes::int as rx, pids
     from nora.agent_samples where agent_id = $1 order by at`,
    [agentId],
  )

test('a busy agent is sampled each period by one of two workers, near its limit of CPU; deleted, it leaves nothing', async () => {
  // Holds 20 MB in a variable and counts for ever; a second process sleeps.
  const script = 'x=$(head -c 20000000 /dev/zero | tr "\\0" x); sleep 3600 & while :; do :; done'
  const image = await it.tinyImage('busy', ['/bin/sh', '-c', script])
  const agentId = await it.insertAgent({ image, cpus: 0.2, memory_mb: 100 })
  await it.untilOperation(await it.insertOperation(agentId, 'provision'), 'succeeded')
  const samples = await waitUntil(
    'samples, some of them busy',
    async () => {
      const all = await samplesOf(agentId)
      // Where processors are scarce it may be filling its variable yet, and be more processes.
      const filled = all.findIndex(({ memory }) => memory > 20_000_000)
      const found = filled < 0 ? [] : all.slice(filled)
      return found.length >= 6 && found.filter(({ cpu }) => cpu > 10).length >= 3 ? found : undefined
    },
    { deadlineMs: 90_000 },
  )
  const last = samples.at(-1)!
  // The middle one: on a busy machine one reading may be late, and then says less, and the next one more.
  const [...used] = samples.map(({ cpu }) => cpu).sort((a, b) => a - b)
  expect(used[Math.floor(used.length / 2)]).toBeLessThan(30)
  expect(last.limit).toBe(100 * 1024 * 1024)
  expect(last.memory).toBeGreaterThan(20_000_000)
  expect(last.memory).toBeLessThan(last.limit)
  // The engine's own init, the shell, and what sleeps.
  expect(last.pids).toBe(3)
  expect(last.rx).toBeGreaterThan(0)
  // A worker rests for a period after it has written: what comes sooner is another's, as once where one took over from the other.
  const gaps = samples.slice(1).map(({ ms }, index) => ms - samples[index]!.ms)
  expect(gaps.filter((gap) => gap < everyMs - 20).length).toBeLessThanOrEqual(1)
  const wanted = { everyMs, late: false, lastError: null, lastOkAt: expect.any(String) }
  for (const worker of workers) {
    await waitUntil('a loop that works', () => {
      const loop = worker.health().loops.find(({ name }) => name === 'metrics')
      return expect(loop).toMatchObject(wanted) ?? true
    })
  }

  await it.untilOperation(await it.queueBehind(agentId, 'delete'), 'succeeded')
  await waitUntil('no sample of it', async () => (await samplesOf(agentId)).length === 0)
})
