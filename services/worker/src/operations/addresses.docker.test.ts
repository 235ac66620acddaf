import { waitUntil } from '@nora/testing/wait-until'
import { expect, test } from 'vitest'
import { BackendError, type Target } from '../backends/backend.ts'
import { workerFixture } from '../testing/worker-fixture.ts'
import { runOperation } from './run-operation.ts'

// An engine that was killed while it made a network can keep its addresses for good and show nobody why.

const it = workerFixture()
const never = new AbortController().signal

test('an agent whose addresses the engine keeps takes others, and its neighbours keep theirs', async () => {
  const { backend } = it.deps('worker')
  const tried: string[] = []
  const stuck = `${it.pool.replace(/\.\d+\/\d+$/, '')}.16/29`
  const engine = {
    ...backend,
    async ensureNetwork(target: Target, signal: AbortSignal) {
      tried.push(target.network.subnet)
      if (target.network.subnet === stuck) {
        throw new BackendError('addresses-stuck', 'The engine does not give them.', { retry: true })
      }
      await backend.ensureNetwork(target, signal)
    },
  }
  const deps = it.deps('worker', { backend: engine })
  const provision = async () => {
    const agentId = await it.insertAgent()
    const operationId = await it.insertOperation(agentId, 'provision')
    await waitUntil(
      'the end of the operation',
      async () => {
        await runOperation(deps, operationId, never)
        const { status } = await it.operation(operationId)
        return status !== 'pending' && status !== 'leased'
      },
      { deadlineMs: 60_000 },
    )
    expect(await it.operation(operationId)).toMatchObject({ status: 'succeeded' })
    return (await it.agent(agentId))['network_slot']
  }
  expect(await provision()).toBe(3)
  expect(tried.filter((subnet) => subnet === stuck).length).toBeGreaterThan(1)
  // The number that was left is free, and whoever gets it moves on past those that are taken.
  expect(await provision()).toBe(4)
  expect(new Set(tried).size).toBe(3)
})
