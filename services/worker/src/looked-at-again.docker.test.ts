import { testRedis } from '@nora/testing/redis'
import { afterAll, expect, test } from 'vitest'
import { BackendError } from './backends/backend.ts'
import { runOperation } from './operations/run-operation.ts'
import type { Action } from './reconcile/plan.ts'
import type { RunningWorker } from './start-worker.ts'
import { interposing } from './testing/crashing.ts'
import { watching } from './testing/watching.ts'
import { workerFixture } from './testing/worker-fixture.ts'
import { workerInProcess } from './testing/worker-in-process.ts'

// An operation fails on a program that runs on: what happens to its agent then.
const it = workerFixture()
const redis = testRedis()
const never = new AbortController().signal
const starter = { runtime: 'starter', image: null, config: {}, memory_mb: 128, pids: 64 }
const { container, shows, timeline, until } = watching(it)
let worker: RunningWorker | undefined
afterAll(() => worker?.stop())

test('it is looked at again until all is well, not for ever, and not for what no look mends', async () => {
  const deps = it.deps('worker-1')
  const provisioned = async () => {
    const agentId = await it.insertAgent(starter)
    expect(await runOperation(deps, await it.insertOperation(agentId, 'provision'), never)).toBe('succeeded')
    return agentId
  }
  const failing = (refused: Action, error: BackendError) =>
    interposing(deps, async (action, work) => {
      if (action === refused) throw error
      return work()
    })
  const refusal = new BackendError('engine-error', 'The engine refused', { retry: false })
  const look = async (agentId: string) =>
    runOperation(failing('route', refusal), await it.insertOperation(agentId, 'reconcile'), never)

  const mended = await provisioned()
  const startedAt = (await (await container(mended)).inspect()).State.StartedAt
  for (const tries of [1, 2]) {
    expect(await look(mended)).toBe('failed')
    expect(await it.agent(mended)).toMatchObject({
      state: 'degraded',
      state_reason: expect.stringMatching(
        new RegExp(`^The engine refused; looking again \\(${tries} of 10\\)`),
      ),
      failed_tries: tries,
      crash_count: 0,
    })
  }

  const givenUp = await provisioned()
  await it.setAgent(givenUp, { failed_tries: 10 })
  expect(await look(givenUp)).toBe('failed')
  const leftAlone = {
    state: 'degraded',
    state_reason: expect.stringContaining('not looked at again by itself: restart or redeploy it'),
    failed_tries: 0,
    failed_at: null,
  }
  expect(await it.agent(givenUp)).toMatchObject(leftAlone)

  const hopeless = await provisioned()
  await it.setAgent(hopeless, { generation: 2 })
  const noImage = new BackendError('image-not-found', 'There is no such image', { retry: false })
  const redeploy = await it.insertOperation(hopeless, 'redeploy')
  expect(await runOperation(failing('stop', noImage), redeploy, never)).toBe('failed')
  const asItWas = {
    state: 'degraded',
    state_reason: expect.stringContaining('no such image'),
    failed_tries: 0,
  }
  expect(await it.agent(hopeless)).toMatchObject(asItWas)

  worker = await workerInProcess(it, redis.url, { drift: 1_000 })
  await shows(mended, { state: 'running', state_reason: 'healthy', failed_tries: 0, failed_at: null })
  expect(await timeline(mended)).toContain('seen: trying again after a failure (2 of 10)')
  expect((await (await container(mended)).inspect()).State.StartedAt).toBe(startedAt)

  // Some passes later: what is killed now is seen and comes back, and the two others were left as they were.
  const killed = await container(mended)
  await killed.kill()
  await until('another start', async () => {
    const { State } = await killed.inspect()
    return State.Running && State.StartedAt !== startedAt
  })
  expect(await it.agent(givenUp)).toMatchObject(leftAlone)
  expect(await it.agent(hopeless)).toMatchObject(asItWas)
  for (const agentId of [givenUp, hopeless]) {
    expect((await timeline(agentId)).filter((entry) => entry.startsWith('seen:'))).toEqual([])
  }
})
