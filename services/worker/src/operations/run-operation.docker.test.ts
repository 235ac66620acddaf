import { expect, test } from 'vitest'
import { workerFixture } from '../testing/worker-fixture.ts'
import { runOperation } from './run-operation.ts'

const it = workerFixture()
const never = new AbortController().signal

test('takes an agent from nothing to running, through stop, start, restart and redeploy, to nothing', async () => {
  const deps = it.deps('worker-1')
  const agentId = await it.insertAgent()
  const run = async (kind: 'provision' | 'stop' | 'start' | 'restart' | 'redeploy' | 'delete') =>
    runOperation(deps, await it.insertOperation(agentId, kind), never)
  const container = async () => (await it.containersOf(agentId))[0]

  expect(await run('provision')).toBe('succeeded')
  expect(await it.agent(agentId)).toMatchObject({
    state: 'running',
    state_reason: 'running',
    observed_generation: 1,
  })
  const first = await container()
  expect(first?.State).toBe('running')

  await it.setAgent(agentId, { desired_state: 'stopped' })
  expect(await run('stop')).toBe('succeeded')
  expect(await it.agent(agentId)).toMatchObject({ state: 'stopped', state_reason: 'stopped on request' })
  expect((await container())?.State).toBe('exited')

  await it.setAgent(agentId, { desired_state: 'running' })
  expect(await run('start')).toBe('succeeded')
  expect((await container())?.Id).toBe(first?.Id)
  const startedAt = async () => (await it.docker.getContainer(first!.Id).inspect()).State.StartedAt
  const before = await startedAt()

  expect(await run('restart')).toBe('succeeded')
  expect((await container())?.State).toBe('running')
  expect(await startedAt()).not.toBe(before)

  await it.setAgent(agentId, { generation: 2 })
  expect(await run('redeploy')).toBe('succeeded')
  expect((await it.containersOf(agentId)).map((one) => one.State)).toEqual(['running'])
  expect((await container())?.Id).not.toBe(first?.Id)
  expect((await it.agent(agentId))['observed_generation']).toBe(2)

  await it.setAgent(agentId, { desired_state: 'deleted' })
  expect(await run('delete')).toBe('succeeded')
  expect(await it.tracesOf(agentId)).toEqual([])
  expect(await it.agent(agentId)).toMatchObject({ network_slot: null, container_id: null })
  expect((await it.agent(agentId))['deleted_at']).not.toBeNull()
})
