import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { OperationKind } from '@nora/db/schema'
import { waitUntil } from '@nora/testing/wait-until'
import { expect, test } from 'vitest'
import type { Action } from '../reconcile/plan.ts'
import { interposing } from '../testing/crashing.ts'
import { workerFixture } from '../testing/worker-fixture.ts'
import type { Outcome } from './finish.ts'
import type { KeptLease } from './keep-lease.ts'
import { runOperation } from './run-operation.ts'

// Whatever is asked in the middle of whichever step: it is heard while the step runs, and what it leaves is honest.

const it = workerFixture()
const never = new AbortController().signal
const starter = { runtime: 'starter', image: null, config: {}, memory_mb: 128, pids: 64 }
const deps = it.deps

/** Runs an operation to its end, also through waits for another try. */
async function finish(operationId: string): Promise<Outcome> {
  let outcome: Outcome = 'not-leased'
  await waitUntil(
    'the end of an operation',
    async () => {
      outcome = await runOperation(deps('worker'), operationId, never)
      return outcome !== 'released' && outcome !== 'not-leased'
    },
    { deadlineMs: 60_000 },
  )
  return outcome
}

/** Runs an operation, which must succeed. */
async function done(operationId: string, at: string) {
  await finish(operationId)
  const { status, reason } = await it.operation(operationId)
  expect({ status, reason }, at).toEqual({ status: 'succeeded', reason: expect.any(String) })
}

/**
 * Runs an operation and calls `ask` while the first step runs that is not in `asked`; the worker is told at once, as a
 * ring does. Gives the outcome, and that step: undefined when there was none left.
 */
async function asking(operationId: string, asked: Action[], ask: () => Promise<unknown>) {
  let lease: KeptLease | undefined
  let step: Action | undefined
  const around = interposing(deps('worker'), async (action, work) => {
    if (step === undefined && !asked.includes(action)) {
      step = action
      asked.push(action)
      await ask()
      lease?.poke()
    }
    return work()
  })
  let outcome = await runOperation(around, operationId, never, (kept) => {
    lease = kept
  })
  if (outcome === 'released') outcome = await finish(operationId)
  return { outcome, step }
}

const states = async (agentId: string) => (await it.containersOf(agentId)).map((one) => one.State)
const keysOf = (agentId: string) => {
  const folder = join(it.keysDir, agentId)
  return existsSync(folder) ? readdirSync(folder) : undefined
}
/** What there is of an agent besides its volume, which belongs to it until it is deleted. */
const left = async (agentId: string) =>
  (await it.tracesOf(agentId)).filter((one) => !one.startsWith('volume '))
const waiting = async (agentId: string) =>
  (
    await it.database.asSuperuser<{ id: string }>(
      `select id from nora.operations where agent_id = $1 and status = 'pending' order by seq`,
      [agentId],
    )
  ).map(({ id }) => id)

/** An agent as it must be before an operation of this kind, the same one again after each try. */
async function before(kind: OperationKind, known: string | undefined): Promise<string> {
  const agentId = known ?? (await it.insertAgent(starter))
  if (kind === 'provision') return agentId
  const wanted = kind === 'start' ? 'stopped' : 'running'
  // As every request does.
  await it.setAgent(agentId, { desired_state: 'running', crash_count: 0 })
  if ((await it.agent(agentId)).state !== 'running') {
    await done(await it.insertOperation(agentId, known ? 'start' : 'provision'), `before ${kind}`)
  }
  if (wanted === 'stopped') {
    await it.setAgent(agentId, { desired_state: 'stopped' })
    await done(await it.insertOperation(agentId, 'stop'), `before ${kind}`)
  }
  if (kind === 'reconcile')
    await it.docker.getContainer((await it.containersOf(agentId))[0]!.Id).remove({ force: true })
  if (kind === 'redeploy')
    await it.database.asSuperuser('update nora.agents set generation = generation + 1 where id = $1', [
      agentId,
    ])
  await it.setAgent(agentId, { desired_state: kind === 'stop' ? 'stopped' : 'running' })
  return agentId
}

/** The kind, what holds after its cancel, and steps that it is known to go through. */
const kinds: [OperationKind, 'running' | 'stopped', Action[]][] = [
  [
    'provision',
    'stopped',
    ['ensure-network', 'ensure-storage', 'ensure-container', 'start', 'await-healthy'],
  ],
  ['start', 'stopped', ['deliver-keys', 'start', 'route', 'await-healthy']],
  ['restart', 'running', ['stop', 'deliver-keys', 'start', 'await-healthy']],
  ['redeploy', 'running', ['stop', 'remove-container', 'ensure-container', 'start', 'await-healthy']],
  ['stop', 'running', ['stop', 'route', 'remove-keys']],
  ['sync-keys', 'running', ['deliver-keys', 'reload-keys']],
  ['reconcile', 'running', ['ensure-container', 'start', 'await-healthy']],
]

test.concurrent.each(kinds)(
  'a cancel during any step of %s leaves a %s agent',
  async (kind, desired, known) => {
    const asked: Action[] = []
    for (let agentId: string | undefined; ; ) {
      // A cancelled provisioning leaves nothing: the next one is another agent's.
      agentId = await before(kind, kind === 'provision' ? undefined : agentId)
      const operationId = await it.insertOperation(agentId, kind)
      const { outcome, step } = await asking(operationId, asked, () => it.cancel(operationId, desired))
      if (step === undefined) {
        expect(outcome).toBe('succeeded')
        break
      }
      const at = `${kind} at ${step}`
      expect(outcome, at).toBe('cancelled')
      expect(await it.operation(operationId), at).toMatchObject({ reason: `${kind} was cancelled` })
      if (desired === 'stopped') {
        expect(await it.agent(agentId), at).toMatchObject({ state: 'stopped', container_ip: null })
        expect(keysOf(agentId), at).toBeUndefined()
        if (kind === 'provision') expect(await left(agentId), at).toEqual([])
        else expect(await states(agentId), at).toEqual(['exited'])
        continue
      }
      // What is to run is looked at anew; a sync and a look themselves change nothing of what should be.
      for (const next of await waiting(agentId)) await done(next, at)
      if (kind === 'reconcile') await done(await it.insertOperation(agentId, 'reconcile'), at)
      expect(await states(agentId), at).toEqual(['running'])
      expect(await it.agent(agentId), at).toMatchObject({ state: 'running', state_reason: 'healthy' })
      // Its end was our own stop, and no crash.
      if (at === 'restart at deliver-keys') expect((await it.agent(agentId))['crash_count']).toBe(0)
    }
    expect(asked).toEqual(expect.arrayContaining(known))
  },
  900_000,
)

test.concurrent.each(['stop', 'delete'] as const)(
  'a %s during any step of a provisioning is obeyed',
  async (kind) => {
    const asked: Action[] = []
    for (;;) {
      const agentId = await it.insertAgent(starter)
      const operationId = await it.insertOperation(agentId, 'provision')
      let behind = ''
      const { outcome, step } = await asking(operationId, asked, async () => {
        behind = await it.queueBehind(agentId, kind)
      })
      if (step === undefined) break
      expect(outcome, step).toBe('cancelled')
      await done(behind, step)
      if (kind === 'stop') {
        expect(await it.agent(agentId), step).toMatchObject({ state: 'stopped' })
        expect(await left(agentId), step).toEqual([])
        await done(await it.queueBehind(agentId, 'delete'), step)
      }
      expect(await it.tracesOf(agentId), step).toEqual([])
    }
    expect(asked.length).toBeGreaterThanOrEqual(8)
  },
  900_000,
)

test.concurrent('a delete that has begun goes on, whatever is asked during any of its steps', async () => {
  const asked: Action[] = []
  for (;;) {
    const agentId = await before('stop', undefined)
    await it.setAgent(agentId, { desired_state: 'deleted' })
    const operationId = await it.insertOperation(agentId, 'delete')
    const { outcome, step } = await asking(operationId, asked, () =>
      it.database.asSuperuser('update nora.operations set cancel_requested_at = now() where id = $1', [
        operationId,
      ]),
    )
    expect(outcome, step ?? 'at the end').toBe('succeeded')
    expect(await it.tracesOf(agentId)).toEqual([])
    if (step === undefined) break
  }
  expect(asked).toEqual(
    expect.arrayContaining(['remove-container', 'remove-network', 'remove-storage', 'remove-keys']),
  )
}, 900_000)

test.concurrent('a cancel that nobody was told of before the last step was done is heard all the same', async () => {
  const agentId = await it.insertAgent()
  await done(await it.insertOperation(agentId, 'provision'), 'before')
  await it.setAgent(agentId, { desired_state: 'stopped' })
  const operationId = await it.insertOperation(agentId, 'stop')
  const around = interposing(deps('worker'), async (action, work) => {
    const result = await work()
    if (action === 'remove-keys') await it.cancel(operationId, 'running')
    return result
  })
  expect(await runOperation(around, operationId, never)).toBe('cancelled')
  expect(await it.agent(agentId)).toMatchObject({ state: 'degraded', desired_state: 'running' })
})
