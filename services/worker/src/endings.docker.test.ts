import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningWorker } from './start-worker.ts'
import { workerFixture } from './testing/worker-fixture.ts'
import { workerInProcess } from './testing/worker-in-process.ts'

const it = workerFixture()
const redis = testRedis()
let worker: RunningWorker
beforeAll(async () => {
  worker = await workerInProcess(it, redis.url, { orphanGrace: 1_000, drift: 2_000 })
})
afterAll(() => worker?.stop())

const provision = async (over: Record<string, unknown>) => {
  const agentId = await it.insertAgent(over)
  return { agentId, operationId: await it.insertOperation(agentId, 'provision') }
}
const shows = (agentId: string, wanted: Record<string, unknown>) =>
  waitUntil('the agent', async () => expect(await it.agent(agentId)).toMatchObject(wanted) ?? true, {
    deadlineMs: 90_000,
  })
const nothingLeft = async (agentId: string) => {
  await it.untilOperation(await it.queueBehind(agentId, 'delete'), 'succeeded')
  expect(await it.tracesOf(agentId)).toEqual([])
}
const name = (agentId: string) => `nora-${it.installation.slice(0, 8)}-agent-${agentId}`

test('a program that exits at once ends in error with its code and last lines, and is tried again later', async () => {
  const image = await it.tinyImage('dies', ['/bin/sh', '-c', 'echo first words; echo no database; exit 3'])
  const { agentId, operationId } = await provision({ image })
  await it.untilOperation(operationId, 'failed')
  expect(await it.operation(operationId)).toMatchObject({
    error: {
      code: 'program-exited',
      message: 'the program exited with code 3',
      lastLines: ['first words', 'no database'],
    },
  })
  // What it ended with is in the timeline: the agent itself may be tried again by now, and say that.
  const changes = await it.database.asSuperuser<{ data: unknown }>(
    `select data from nora.events where agent_id = $1 and type = 'state.changed' order by seq`,
    [agentId],
  )
  const reason = 'the program exited with code 3: first words\nno database'
  expect(changes.map(({ data }) => data)).toContainEqual({ state: 'error', reason, operationId })
  // The reconciler tries again and counts, later each time; the state keeps saying why, and when the next try comes.
  const again = 'the program exited with code 3; starting again'
  await waitUntil('the first try', async () => {
    const { state, state_reason: why } = await it.agent(agentId)
    return state === 'error' && why.startsWith(again) && why.endsWith('first words\nno database')
  })
  // The third waits twice as long as the one before, and so does each that follows: whichever is seen first.
  await waitUntil(
    'a later try that waits longer',
    async () => {
      const { state, state_reason: why, crash_count: count } = await it.agent(agentId)
      const [, seconds] =
        /^.*; starting again in (\d+) s, at \d\d:\d\d:\d\d UTC: (?:.*\n)*first words\nno database$/.exec(
          why,
        ) ?? []
      const most = 2 ** (Number(count) - 1)
      return state === 'error' && most >= 4 && Number(seconds) > most / 2 && Number(seconds) <= most
    },
    { deadlineMs: 120_000 },
  )
  await nothingLeft(agentId)
})

test('an image that cannot be had is tried a few times, then ends in error and says so', async () => {
  const { agentId, operationId } = await provision({ image: 'localhost:1/nora-test/none:1' })
  await shows(agentId, {
    state: 'provisioning',
    state_reason: expect.stringMatching(/localhost:1.*trying again/),
  })
  await it.untilOperation(operationId, 'failed')
  expect(await it.operation(operationId)).toMatchObject({ error: { code: 'image-pull-failed' } })
  await shows(agentId, { state: 'error', state_reason: expect.stringContaining('localhost:1') })
  await nothingLeft(agentId)
})

test('a container that is not ours but has our name is left alone, and the agent says why it cannot start', async () => {
  const agentId = await it.insertAgent()
  const foreign = await it.docker.createContainer({
    name: name(agentId),
    Image: it.image,
    Labels: { mine: 'yes' },
  })
  try {
    await foreign.start()
    const before = await foreign.inspect()
    const operationId = await it.insertOperation(agentId, 'provision')
    await it.untilOperation(operationId, 'failed')
    expect(await it.operation(operationId)).toMatchObject({ error: { code: 'name-taken' } })
    await shows(agentId, { state: 'error', state_reason: expect.stringContaining('that Nora did not make') })
    const audit = await it.database.asSuperuser(
      `select event_type, details from nora.audit_log where target_id = $1`,
      [agentId],
    )
    expect(audit).toContainEqual(expect.objectContaining({ event_type: 'NAME_TAKEN' }))
    const facts = { kind: 'provision', code: 'name-taken', attempt: expect.any(Number) }
    expect(audit).toContainEqual({ event_type: 'OPERATION_FAILED', details: facts })
    await it.untilOperation(await it.queueBehind(agentId, 'delete'), 'succeeded')
    const after = await foreign.inspect()
    expect([after.Id, after.State.StartedAt, after.State.Running]).toEqual([
      before.Id,
      before.State.StartedAt,
      true,
    ])
  } finally {
    await foreign.remove({ force: true })
  }
})

test('an orphan of ours is removed and audited; what is not ours stays', async () => {
  const gone = '00000000-0000-4000-8000-000000000001'
  const labels = {
    'com.nora.installation': it.installation,
    'com.nora.workspace': it.owner.workspaceId,
    'com.nora.agent': gone,
    'com.nora.role': 'agent',
  }
  const orphan = await it.docker.createContainer({ name: name(gone), Image: it.image, Labels: labels })
  const other = await it.docker.createContainer({
    name: `${name(gone)}-other`,
    Image: it.image,
    Labels: { ...labels, 'com.nora.installation': 'somebody-elses' },
  })
  try {
    await waitUntil(
      'the orphan to go',
      () =>
        orphan.inspect().then(
          () => false,
          (error) => error.statusCode === 404,
        ),
      { deadlineMs: 90_000 },
    )
    expect((await other.inspect()).Id).toBe(other.id)
    const audit = await it.database.asSuperuser<{ details: unknown }>(
      `select details from nora.audit_log where event_type = 'ORPHAN_REMOVED' and target_id = $1`,
      [orphan.id],
    )
    expect(audit).toMatchObject([{ details: { agentId: gone } }])
  } finally {
    await other.remove({ force: true })
  }
})

/** It never answers, and is not given up before a slow machine has come to look. */
const patient = { probePath: '/', startSeconds: 900 }

test.each(['stop', 'delete'] as const)('a %s during provisioning cancels it', async (kind) => {
  const { agentId, operationId } = await provision({ port: 8080, config: patient })
  await waitUntil('health checks', async () => (await it.operation(operationId))['step'] === 'await-healthy')
  const behind = await it.queueBehind(agentId, kind)
  await it.untilOperation(behind, 'succeeded')
  expect(await it.operation(operationId)).toMatchObject({
    status: 'cancelled',
    reason: 'provision was cancelled',
  })
  if (kind === 'stop') await shows(agentId, { state: 'stopped' })
  if (kind === 'stop') await nothingLeft(agentId)
  expect(await it.tracesOf(agentId)).toEqual([])
})

test('a cancelled provisioning takes away what it made, and the agent rests', async () => {
  const { agentId, operationId } = await provision({ port: 8080, config: patient })
  await waitUntil('health checks', async () => (await it.operation(operationId))['step'] === 'await-healthy')
  await it.cancel(operationId, 'stopped')
  await it.untilOperation(operationId, 'cancelled')
  await shows(agentId, { state: 'stopped', state_reason: 'provision was cancelled', container_id: null })
  expect(await it.tracesOf(agentId)).toEqual([])
  await nothingLeft(agentId)
})

test('a gateway that dies is made anew, joined to every network and told every route', async () => {
  const starter = { runtime: 'starter', image: null, config: {}, memory_mb: 128, pids: 64 }
  const { agentId, operationId } = await provision(starter)
  await it.untilOperation(operationId, 'succeeded', 120_000)
  const gateway = async () => {
    const filters = { label: [`com.nora.installation=${it.installation}`, 'com.nora.role=gateway'] }
    return (await it.docker.listContainers({ filters }))[0]
  }
  const before = await gateway()
  await it.docker.getContainer(before!.Id).kill()
  await waitUntil(
    'another gateway',
    async () => {
      const now = await gateway()
      return now && now.Id !== before!.Id && Object.keys(now.NetworkSettings.Networks).length === 2
    },
    { deadlineMs: 90_000 },
  )
  // Healthy through the new one.
  await it.untilOperation(await it.insertOperation(agentId, 'restart'), 'succeeded')
  await shows(agentId, { state: 'running', state_reason: 'healthy' })
  await nothingLeft(agentId)
})
