import type { OperationKind } from '@nora/db/schema'
import { createLogger } from '@nora/log/logger'
import { expect, test } from 'vitest'
import type { Action } from '../reconcile/plan.ts'
import { crashingAfterEach } from '../testing/crashing.ts'
import { workerFixture } from '../testing/worker-fixture.ts'
import { runOperation } from './run-operation.ts'

const it = workerFixture()
const never = new AbortController().signal
let workers = 0
/** Why workers gave operations of this file back: the code of each error that they would try again after. */
const givenBack: string[] = []
const log = createLogger({
  service: 'worker',
  level: 'warn',
  destination: {
    write: (line) => {
      const { msg, err } = JSON.parse(line) as { msg: string; err?: { code: string } }
      if (msg === 'a step failed') givenBack.push(err!.code)
    },
  },
})

const expireLease = (operationId: string) =>
  it.database.asSuperuser(
    `update nora.operations set lease_until = now() - interval '1 second' where id = $1 and status = 'leased'`,
    [operationId],
  )

const dueNow = (operationId: string) =>
  it.database.asSuperuser(`update nora.operations set not_before = now() where id = $1`, [operationId])

/** Runs the operation again and again, each time by a new worker that dies after one more step; gives the steps. */
async function dyingAfterEveryStep(agentId: string, kind: OperationKind): Promise<Action[]> {
  const operationId = await it.insertOperation(agentId, kind)
  const died: Action[] = []
  for (;;) {
    const deps = crashingAfterEach(it.deps(`worker-${++workers}`, { log }), died)
    const before = givenBack.length
    const outcome = await runOperation(deps, operationId, never).catch((error: Error) => error.message)
    if (outcome === 'released') {
      // An engine or a gateway that was too busy to answer is asked again, a few times in all: what a crash leaves shows
      // after every crash, or in another way.
      const { reason } = await it.operation(operationId)
      const silent = reason.startsWith('The Docker Engine does not answer')
      expect(silent ? ['engine-unavailable', 'timeout'] : ['engine-unavailable'], reason).toContain(
        givenBack[before],
      )
      expect(givenBack.length, givenBack.join()).toBeLessThanOrEqual(3)
      await dueNow(operationId)
      continue
    }
    if (!outcome.startsWith('injected')) {
      expect(outcome).toBe('succeeded')
      return died
    }
    expect((await it.operation(operationId)).status).toBe('leased')
    await expireLease(operationId)
  }
}

test('a crash after every step of every kind ends with exactly one right container, and then with none', async () => {
  const agentId = await it.insertAgent({
    runtime: 'starter',
    image: null,
    config: {},
    memory_mb: 128,
    pids: 64,
  })
  const only = async () => {
    const containers = await it.containersOf(agentId)
    expect(containers.map((one) => one.State)).toEqual(['running'])
    expect((await it.agent(agentId)).state).toBe('running')
    return containers[0]!.Id
  }

  const made = await dyingAfterEveryStep(agentId, 'provision')
  expect(made).toEqual([
    'ensure-network',
    'ensure-storage',
    'deliver-keys',
    'ensure-container',
    'start',
    'attach-gateway',
    'route',
    'await-healthy',
  ])
  const first = await only()

  expect(await dyingAfterEveryStep(agentId, 'restart')).toContain('stop')
  expect(await only()).toBe(first)

  await it.setAgent(agentId, { generation: 2 })
  expect(await dyingAfterEveryStep(agentId, 'redeploy')).toContain('remove-container')
  expect(await only()).not.toBe(first)

  await it.setAgent(agentId, { desired_state: 'stopped' })
  expect(await dyingAfterEveryStep(agentId, 'stop')).toEqual(['stop', 'route', 'remove-keys'])
  expect((await it.containersOf(agentId)).map((one) => one.State)).toEqual(['exited'])

  await it.setAgent(agentId, { desired_state: 'deleted' })
  const removed = await dyingAfterEveryStep(agentId, 'delete')
  expect(removed).toEqual(['remove-container', 'remove-network', 'remove-storage', 'remove-keys'])
  expect(await it.tracesOf(agentId)).toEqual([])
})

test('an agent without a port is written down too when the worker that made its container died', async () => {
  const agentId = await it.insertAgent({})
  expect(await dyingAfterEveryStep(agentId, 'provision')).toContain('ensure-container')
  const [container] = await it.containersOf(agentId)
  const [row] = await it.database.asSuperuser<{ container_id: string; image_digest: string }>(
    'select container_id, image_digest from nora.agents where id = $1',
    [agentId],
  )
  expect(row).toEqual({ container_id: container?.Id, image_digest: container?.ImageID })
})
