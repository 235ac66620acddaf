import { join } from 'node:path'
import { testRedis } from '@nora/testing/redis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningWorker } from './start-worker.ts'
import { type EngineProxy, engineProxy } from './testing/engine-proxy.ts'
import { watching } from './testing/watching.ts'
import { workerFixture } from './testing/worker-fixture.ts'
import { workerInProcess } from './testing/worker-in-process.ts'

const it = workerFixture()
const redis = testRedis()
const { running, shows, healed, until, container } = watching(it)
let engine: EngineProxy
let worker: RunningWorker
beforeAll(async () => {
  engine = await engineProxy(join(it.folder, 'engine.sock'))
  worker = await workerInProcess(it, redis.url, { drift: 1_000 }, engine.host)
})
afterAll(async () => {
  await worker?.stop()
  await engine?.close()
})

const away = expect.stringMatching(/^The Docker Engine does not answer .*Is it running\?; trying again$/)
const waits = (operationId: string) =>
  until('an operation that says why it waits', async () => {
    const { status, reason } = await it.operation(operationId)
    return ['pending', 'leased'].includes(status) && /The Docker Engine does not answer/.test(reason)
  })

test.each([
  ['gone', () => engine.cut()],
  ['hung', async () => engine.hang()],
] as const)(
  'while the engine is %s a stop and a delete wait with that reason, and are done when it is back',
  async (_, leave) => {
    const [stopped, deleted] = await Promise.all([running(), running()])
    await leave()
    // Only now: reconciliation would take an agent without an operation for one that it must begin itself.
    const begun = await it.insertAgent()
    const provision = await it.insertOperation(begun, 'provision')
    await waits(provision)
    const stop = await it.queueBehind(stopped, 'stop')
    const deletes = [await it.queueBehind(deleted, 'delete'), await it.queueBehind(begun, 'delete')]
    for (const operationId of [stop, deletes[0]!]) await waits(operationId)
    await shows(stopped, { state: 'stopping', state_reason: away })
    await shows(deleted, { state: 'deleting', state_reason: away })
    await until('a loop that says so', async () =>
      /The Docker Engine does not answer/.test(
        worker.health().loops.find(({ name }) => name === 'drift')?.lastError ?? '',
      ),
    )
    await engine.mend()
    for (const operationId of [stop, ...deletes]) await it.untilOperation(operationId, 'succeeded')
    expect(await it.operation(provision)).toMatchObject({ status: 'cancelled' })
    await shows(stopped, { state: 'stopped' })
    for (const agentId of [deleted, begun]) expect(await it.tracesOf(agentId)).toEqual([])
  },
  400_000,
)

test('what happened while the engine was away is seen when it is back', async () => {
  const agentId = await running()
  await engine.cut()
  await (await container(agentId)).kill()
  await engine.mend()
  await healed(agentId, 'its program ended')
  await until('loops that work again', async () =>
    worker
      .health()
      .loops.filter(({ name }) => name === 'drift' || name === 'events')
      .every((loop) => loop.lastError === null),
  )
})
