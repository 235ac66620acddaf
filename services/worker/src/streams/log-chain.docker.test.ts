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

test('every line that a container prints arrives at twenty sockets, once and in order', async () => {
  const script = 'i=0; while [ $i -lt 100 ]; do echo line $i; i=$((i+1)); sleep 0.03; done; sleep 60'
  const containerId = await engine.run(script)
  const agentId = await views.agent()
  await engine.setContainer(agentId, containerId, 1)
  engine.follow({ ring: views.ring })
  await waitUntil('the first line', async () => (await engine.stored(agentId)).length > 0)

  const watchers = await Promise.all(Array.from({ length: 20 }, () => views.watch(agentId, '?after=0')))
  await waitUntil('everybody to be up to date', () => watchers.every((one) => one.seqs().length > 10))
  await waitUntil('all lines at all sockets', () => watchers.every((one) => one.seqs().length === 100), {
    deadlineMs: 90_000,
  })
  for (const one of watchers) expect(one.seqs()).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
})
