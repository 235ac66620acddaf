import { operationsDoorbell, ring } from '@nora/queue/operations'
import { ownMs } from '@nora/testing/own-time'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { workerFixture } from './testing/worker-fixture.ts'
import { workerInProcess } from './testing/worker-in-process.ts'
import { spawnWorker, type WorkerProcess } from './testing/worker-process.ts'

const it = workerFixture()
const redis = testRedis()
const running: WorkerProcess[] = []

const start = (name = 'worker') => {
  const worker = spawnWorker(it, redis.url, name)
  running.push(worker)
  return worker
}
const starter = { runtime: 'starter', image: null, config: {}, memory_mb: 128, pids: 64 }
const states = async (agentId: string) => (await it.containersOf(agentId)).map((one) => one.State)
const untilAgent = (agentId: string, wanted: Record<string, unknown>) =>
  waitUntil('the agent', async () => expect(await it.agent(agentId)).toMatchObject(wanted) ?? true, {
    deadlineMs: 90_000,
  })
const remove = async (agentId: string) => {
  await it.untilOperation(await it.queueBehind(agentId, 'delete'), 'succeeded')
  expect(await it.tracesOf(agentId)).toEqual([])
}
let worker: WorkerProcess

beforeAll(async () => {
  worker = start()
  const says = async () => (await worker.log()).includes('worker is working')
  await waitUntil('its first words', says, { deadlineMs: 90_000 }).catch(async () =>
    expect(await worker.log()).toContain('worker is working'),
  )
  // The images are there before the clocks count.
  const agentId = await it.insertAgent(starter)
  await it.untilOperation(await it.insertOperation(agentId, 'provision'), 'succeeded', 120_000)
  await remove(agentId)
}, 240_000)
afterAll(async () => {
  for (const one of running) {
    if (one.child.exitCode === null && one.child.signalCode === null) await one.end('SIGKILL')
  }
})

/** A provisioning that is at this step now: steps are short, and whoever looks too late takes another one. */
async function provisioningAt(step: string): Promise<{ agentId: string; operationId: string }> {
  for (let tries = 0; tries < 10; tries++) {
    const agentId = await it.insertAgent(starter)
    const operationId = await it.insertOperation(agentId, 'provision')
    const seen = await waitUntil(
      `step ${step}`,
      async () => {
        const operation = await it.operation(operationId)
        return operation['step'] === step || operation.status === 'succeeded' ? operation : undefined
      },
      { deadlineMs: 60_000, everyMs: 2 },
    )
    if (seen.status === 'leased') return { agentId, operationId }
    await remove(agentId)
  }
  throw new Error(`no provisioning was seen at ${step}`)
}

test.each(['ensure-network', 'ensure-container', 'start', 'await-healthy'])(
  'kill -9 at %s: a worker of another name waits for the lease to end, then finishes, with one container',
  async (step) => {
    const { agentId, operationId } = await provisioningAt(step)
    await worker.end('SIGKILL')
    worker = start(`after ${step}`)
    await it.untilOperation(operationId, 'succeeded')
    expect(await states(agentId)).toEqual(['running'])
    await remove(agentId)
  },
)

test('kill -9, started again under its name: it need not wait for its own leases', async () => {
  const { agentId, operationId } = await provisioningAt('start')
  await worker.end('SIGKILL')
  await it.database.asSuperuser(
    `update nora.operations set lease_until = now() + interval '1 hour' where id = $1 and status = 'leased'`,
    [operationId],
  )
  worker = start('after await-healthy')
  await it.untilOperation(operationId, 'succeeded')
  expect(await states(agentId)).toEqual(['running'])
  await remove(agentId)
})

test('FLUSHALL in the middle loses nothing, and rings are heard again afterwards', async () => {
  const agentId = await it.insertAgent()
  const operationId = await it.insertOperation(agentId, 'provision')
  const connection = new Redis(redis.url, { maxRetriesPerRequest: null })
  const queue = operationsDoorbell(connection, 'nora')
  await ring(queue, operationId, (error) => expect(error).toBeUndefined())
  await connection.flushall()
  await it.untilOperation(operationId, 'succeeded')
  expect(await states(agentId)).toEqual(['running'])
  await remove(agentId)
  await queue.close()
  connection.disconnect()
})

test('without Redis everything works, a little later; with Redis again rings are heard', async () => {
  await redis.server.stop()
  const agentId = await it.insertAgent()
  await it.untilOperation(await it.insertOperation(agentId, 'provision'), 'succeeded')
  await redis.restart()
  const connection = new Redis(redis.url, { maxRetriesPerRequest: null })
  const queue = operationsDoorbell(connection, 'nora')
  const restart = await it.insertOperation(agentId, 'restart')
  await ring(queue, restart, (error) => expect(error).toBeUndefined())
  await it.untilOperation(restart, 'succeeded')
  await waitUntil('an empty queue', async () => (await queue.count()) === 0)
  await queue.close()
  connection.disconnect()
  await remove(agentId)
})

test('a container killed by hand comes back, and its end is told', async () => {
  await worker.end('SIGTERM')
  const other = await workerInProcess(it, redis.url, { drift: 3_600_000 })
  onTestFinished(async () => {
    await other.stop()
    worker = start()
  })
  const agentId = await it.insertAgent()
  await it.untilOperation(await it.insertOperation(agentId, 'provision'), 'succeeded')
  const [container] = await it.containersOf(agentId)
  const startedAt = async () => (await it.docker.getContainer(container!.Id).inspect()).State.StartedAt
  const before = await startedAt()
  // A program without a probe counts as up after a second, whether it has said a word or not.
  const said = async () => String(await it.docker.getContainer(container!.Id).logs({ stdout: true }))
  await waitUntil('its words', async () => (await said()).includes('up'))
  await it.docker.getContainer(container!.Id).kill()
  // By the engine's event: the pass that needs none comes every hour.
  await waitUntil('another start', async () => (await startedAt()) !== before, { deadlineMs: 60_000 })
  await untilAgent(agentId, { state: 'running' })
  expect((await it.agent(agentId))['crash_count']).toBe(1)
  const events = await it.database.asSuperuser<{ type: string; data: Record<string, unknown> }>(
    `select type, data from nora.events where agent_id = $1 and type = 'program.exited'`,
    [agentId],
  )
  expect(events.map((event) => event.data)).toMatchObject([{ exitCode: 137, lastLines: ['up'] }])
  await it.docker.getContainer(container!.Id).remove({ force: true })
  await waitUntil('a new container', async () => (await states(agentId)).join() === 'running', {
    deadlineMs: 60_000,
  })
  await untilAgent(agentId, { state: 'running' })
  await remove(agentId)
})

test('SIGTERM gives the work back within 10 s, and another worker goes on with it', async () => {
  const slow = await it.tinyImage('slow', ['/bin/sh', '-c', 'exec sleep 3600'])
  const agentId = await it.insertAgent({
    image: slow,
    port: 8080,
    config: { probePath: '/', startSeconds: 900 },
  })
  const operationId = await it.insertOperation(agentId, 'provision')
  await waitUntil(
    'health checks',
    async () => (await it.operation(operationId))['step'] === 'await-healthy',
    { deadlineMs: 60_000 },
  )
  expect(await ownMs(async () => expect(await worker.end('SIGTERM')).toBe(0))).toBeLessThan(10_000)
  expect(await it.operation(operationId)).toMatchObject({ status: 'pending', worker_id: null })
  worker = start()
  await waitUntil('taken over', async () => (await it.operation(operationId)).status === 'leased', {
    deadlineMs: 60_000,
  })
  await remove(agentId)
  expect((await it.operation(operationId)).status).toBe('cancelled')
})
