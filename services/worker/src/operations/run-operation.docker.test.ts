import { waitUntil } from '@nora/testing/wait-until'
import { expect, test } from 'vitest'
import { BackendError } from '../backends/backend.ts'
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

test('what was asked for while no worker ran is done when one does, however late', async () => {
  const agentId = await it.insertAgent()
  const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000)
  const asked = { created_at: ago(60), not_before: ago(60), deadline_at: ago(45) }
  const operationId = await it.insertOperation(agentId, 'provision', asked)
  expect(await runOperation(it.deps('worker-1'), operationId, never)).toBe('succeeded')
})

test('rings for the workspace when what it did can be seen, and at its end', async () => {
  const agentId = await it.insertAgent({ desired_state: 'stopped', state: 'running' })
  const states: Promise<unknown>[] = []
  const rung = new Set<string>()
  const deps = it.deps('worker-1', {
    changed(workspaceId) {
      rung.add(workspaceId)
      states.push(it.agent(agentId).then((agent) => agent['state']))
    },
  })
  expect(await runOperation(deps, await it.insertOperation(agentId, 'stop'), never)).toBe('succeeded')
  expect([...rung]).toEqual([(await it.agent(agentId))['workspace_id']])
  expect(await states.at(-1)).toBe('stopped')
})

test('a program that never gets healthy ends in error with its last lines, and says meanwhile how long it waited', async () => {
  const image = await it.tinyImage('deaf', ['/bin/sh', '-c', 'echo listening to nobody; exec sleep 3600'])
  const agentId = await it.insertAgent({ image, port: 8080, config: { probePath: '/healthz' } })
  const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000)
  const operationId = await it.insertOperation(agentId, 'provision', { started_at: minutesAgo(4) })
  // Few turns, and it waits through more: those have a deadline of their own.
  const deps = { ...it.deps('worker-1'), maxTurns: 10 }
  let ageMinutes = 0
  const observe: typeof deps.backend.observe = async (target, signal) => {
    const observed = await deps.backend.observe(target, signal)
    const { container } = observed
    if (typeof container !== 'object' || !('startedAt' in container) || !container.startedAt) return observed
    // The real container, as it will look once its time is over.
    const startedAt = new Date(Date.parse(container.startedAt) - ageMinutes * 60_000).toISOString()
    return { ...observed, container: { ...container, startedAt } }
  }
  const outcome = runOperation({ ...deps, backend: { ...deps.backend, observe } }, operationId, never)
  await waitUntil(
    'words of waiting for longer than so many turns take',
    async () => {
      const words = (await it.agent(agentId)).state_reason
      const [, seconds] = /^waiting for the health check: (\d+) of 120 s$/.exec(words) ?? []
      if (Number(seconds) >= 12) return true
      throw new Error(words)
    },
    { deadlineMs: 60_000 },
  )
  expect(await it.agent(agentId)).toMatchObject({ state: 'provisioning' })
  // A shell may take its time to say a word; its container counts as started before.
  const [container] = await it.containersOf(agentId)
  const said = async () => String(await it.docker.getContainer(container!.Id).logs({ stdout: true }))
  await waitUntil('its words', async () => (await said()).includes('listening to nobody'))
  ageMinutes = 3
  expect(await outcome).toBe('failed')
  expect(await it.agent(agentId)).toMatchObject({
    state: 'error',
    state_reason: 'not healthy after 120 s: listening to nobody',
    crash_count: 1,
  })
  expect(await it.operation(operationId)).toMatchObject({
    error: { code: 'not-healthy', lastLines: ['listening to nobody'] },
  })
})

test('keys are delivered anew before every start, and taken away by a stop', async () => {
  const deps = it.deps('worker-1')
  const steps: string[] = []
  const keys: typeof deps.keys = {
    ...deps.keys,
    deliver: (...args) => {
      steps.push('keys')
      return deps.keys.deliver(...args)
    },
  }
  const backend: typeof deps.backend = {
    ...deps.backend,
    start: (...args) => {
      steps.push('start')
      return deps.backend.start(...args)
    },
  }
  const agentId = await it.insertAgent()
  const run = async (kind: 'provision' | 'restart' | 'stop' | 'start' | 'sync-keys') =>
    runOperation({ ...deps, keys, backend }, await it.insertOperation(agentId, kind), never)
  await run('provision')
  await run('restart')
  await it.setAgent(agentId, { desired_state: 'stopped' })
  await run('stop')
  expect(await it.tracesOf(agentId)).not.toContain(`keys ${agentId}`)
  await it.setAgent(agentId, { desired_state: 'running' })
  await run('start')
  expect(steps).toEqual(['keys', 'start', 'keys', 'start', 'keys', 'start'])
  // This runtime cannot reload: a sync restarts it.
  await run('sync-keys')
  expect(steps.slice(6)).toEqual(['keys', 'start'])
  expect((await it.agent(agentId)).state).toBe('running')
})

test('a container that its engine can never start again is made anew', async () => {
  const agentId = await it.insertAgent()
  const spoilt: string[] = []
  const deps = it.deps('worker-1')
  const start: typeof deps.backend.start = async (target, signal) => {
    const [container] = await it.containersOf(agentId)
    if (spoilt.length > 0) return deps.backend.start(target, signal)
    spoilt.push(container!.Id)
    throw new BackendError('container-spoilt', 'The engine was killed while it started this one.', {
      retry: true,
    })
  }
  const backend = { ...deps.backend, start }
  const provision = await it.insertOperation(agentId, 'provision')
  expect(await runOperation({ ...deps, backend }, provision, never)).toBe('succeeded')
  const containers = await it.containersOf(agentId)
  expect(containers.map((one) => one.State)).toEqual(['running'])
  expect(containers[0]?.Id).not.toBe(spoilt[0])
})
