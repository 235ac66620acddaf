import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { expect, test } from 'vitest'
import { logBench } from './testing/log-bench.ts'
import { viewBench } from './testing/view-bench.ts'

const database = testDatabase()
const redis = testRedis()
const engine = logBench(database)
const views = viewBench(database, redis)

test('a line that a container prints is at twenty sockets soon after', async () => {
  const script = 'i=0; while [ $i -lt 100 ]; do date +%s%N; i=$((i+1)); sleep 0.03; done; sleep 60'
  const containerId = await engine.run(script)
  const agentId = await views.agent()
  await engine.setContainer(agentId, containerId, 1)
  engine.follow({ ring: views.ring })
  await waitUntil('the first line', async () => (await engine.stored(agentId)).length > 0)

  const delays: number[] = []
  const watchers = await Promise.all(Array.from({ length: 20 }, () => views.watch(agentId, '?after=0')))
  await waitUntil('everybody to be up to date', () => watchers.every((one) => one.seqs().length > 10))
  for (const { ws } of watchers) {
    ws.on('message', (data) => {
      const now = Date.now()
      const frame = JSON.parse(String(data)) as { lines?: { text: string }[] }
      for (const line of frame.lines ?? []) delays.push(now - Number(line.text) / 1e6)
    })
  }
  await waitUntil('all lines at all sockets', () => watchers.every((one) => one.seqs().length === 100), {
    deadlineMs: 30_000,
  })
  for (const one of watchers) expect(one.seqs()).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
  delays.sort((a, b) => a - b)
  // The look each second would make it half a second on average.
  expect(delays[Math.floor(delays.length / 2)]).toBeLessThan(200)
})
