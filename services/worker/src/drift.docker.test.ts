import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { detachDisks } from '@nora/testing/loop-disks'
import { testRedis } from '@nora/testing/redis'
import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningWorker } from './start-worker.ts'
import { watching } from './testing/watching.ts'
import { workerFixture } from './testing/worker-fixture.ts'
import { workerInProcess } from './testing/worker-in-process.ts'

// What hands, other tools and reboots do to agents: each case ends as it should be without anybody's help, and the
// agent's timeline says what was seen and what was done.

const it = workerFixture()
const redis = testRedis()
let worker: RunningWorker
const periods = { orphanGrace: 1_000, drift: 1_000, leftovers: 500, health: 300 }
beforeAll(async () => {
  worker = await workerInProcess(it, redis.url, periods)
})
afterAll(() => worker?.stop())

const starter = { runtime: 'starter', image: null, config: {}, memory_mb: 128, pids: 64 }
const { names, container, running, until, shows, timeline, healed, undisturbed, audited } = watching(it)

test.concurrent('a container that was paused by hand runs again, and no crash is counted', async () => {
  const agentId = await running()
  await (await container(agentId)).pause()
  await healed(agentId, 'its container was paused by hand')
  expect(await timeline(agentId)).toEqual([
    'seen: its container was paused by hand',
    'stop',
    'deliver-keys',
    'start',
    'await-healthy',
  ])
  expect(await it.agent(agentId)).toMatchObject({ crash_count: 0 })
})

test.concurrent('a renamed container gets its name back and goes on running', async () => {
  const agentId = await running()
  const before = await (await container(agentId)).inspect()
  await (await container(agentId)).rename({ name: `mine-${agentId}` })
  await healed(agentId, 'its container was renamed')
  expect(await timeline(agentId)).toEqual(['seen: its container was renamed', 'restore-name'])
  const after = await (await container(agentId)).inspect()
  expect([after.Id, after.State.StartedAt]).toEqual([before.Id, before.State.StartedAt])
})

test.concurrent('an agent whose container was renamed is deleted with all it has', async () => {
  const agentId = await running()
  await (await container(agentId)).rename({ name: `gone-${agentId}` })
  await it.untilOperation(await it.queueBehind(agentId, 'delete'), 'succeeded')
  expect(await it.tracesOf(agentId)).toEqual([])
})

test.concurrent('a container made again under its name with other labels is left alone; when it goes, the agent comes back', async () => {
  const agentId = await running()
  const foreign = { name: names(agentId).container, Image: it.image }
  // The worker may be quicker than the second of these two.
  let other: Docker.Container | undefined
  await until('a container of another maker', async () => {
    await (await container(agentId)).remove({ force: true }).catch(() => undefined)
    other = await it.docker.createContainer(foreign).catch(() => undefined)
    return other !== undefined
  })
  try {
    await shows(agentId, {
      state: 'error',
      state_reason: expect.stringContaining('a container that Nora did not make has this agent'),
    })
    expect((await other!.inspect()).State.Status).toBe('created')
  } finally {
    await other!.remove({ force: true })
  }
  await healed(agentId, 'trying again after a failure')
  // A forced removal kills first; a look in between sees that.
  expect((await timeline(agentId))[0]).toMatch(/^seen: its (container is gone|program ended)$/)
})

test.concurrent('a copy of a container, labels and all, is removed and audited; the agent’s own runs on', async () => {
  const agentId = await running()
  const own = await (await container(agentId)).inspect()
  const copy = await it.docker.createContainer({
    name: `copy-${agentId}`,
    Image: it.image,
    Labels: own.Config.Labels,
  })
  await until('the copy to go', () =>
    copy.inspect().then(
      () => false,
      (error) => error.statusCode === 404,
    ),
  )
  expect(await audited(copy.id)).toMatchObject([{ target_kind: 'container', details: { agentId } }])
  expect((await (await container(agentId)).inspect()).State.StartedAt).toBe(own.State.StartedAt)
  expect(await timeline(agentId)).toEqual([])
})

test.concurrent('a network that is taken from a running agent and removed is made again, with the container on it', async () => {
  const agentId = await running(starter)
  const network = it.docker.getNetwork(names(agentId).network)
  await undisturbed(agentId, async () => {
    const members = Object.keys((await network.inspect()).Containers ?? {})
    await Promise.all(members.map((Container) => network.disconnect({ Container, Force: true })))
    await network.remove()
  })
  await healed(agentId, 'its container lost its network')
  // Its health check may be seen to fail before its network is seen to be gone.
  const entries = await timeline(agentId)
  expect(entries.slice(entries.indexOf('seen: its container lost its network'))).toEqual([
    'seen: its container lost its network',
    ...['stop', 'remove-container', 'ensure-network', 'deliver-keys', 'ensure-container', 'start'],
    ...['attach-gateway', 'route', 'await-healthy'],
  ])
  await shows(agentId, { state_reason: 'healthy' })
})

test.concurrent('a container that was only disconnected from its network is made again, on its own address', async () => {
  const agentId = await running()
  const network = it.docker.getNetwork(names(agentId).network)
  await network.disconnect({ Container: (await container(agentId)).id, Force: true })
  await healed(agentId, 'its container lost its network')
  const { Networks } = (await (await container(agentId)).inspect()).NetworkSettings
  expect(Object.keys(Networks)).toEqual([names(agentId).network])
})

test.concurrent('a stopped agent whose network was removed starts on a new one', async () => {
  const agentId = await running()
  await it.untilOperation(await it.queueBehind(agentId, 'stop'), 'succeeded')
  await it.docker.getNetwork(names(agentId).network).remove()
  await it.setAgent(agentId, { desired_state: 'running' })
  await it.untilOperation(await it.insertOperation(agentId, 'start'), 'succeeded')
  expect((await it.containersOf(agentId)).map((one) => one.State)).toEqual(['running'])
})

test.concurrent('a program that stops answering makes its agent degraded without a restart, until it answers again', async () => {
  const agentId = await running(starter)
  const own = await container(agentId)
  const before = await own.inspect()
  const { Processes } = await own.top()
  const program = Number(Processes.at(-1)![1])
  process.kill(program, 'SIGSTOP')
  try {
    await until('unhealthy', async () => (await it.agent(agentId))['unhealthy'] === true)
    expect(await it.agent(agentId)).toMatchObject({
      state: 'degraded',
      state_reason: expect.stringMatching(/^not healthy after \d+ s/),
      crash_count: 0,
    })
  } finally {
    process.kill(program, 'SIGCONT')
  }
  await healed(agentId, 'it answers its health check again')
  await shows(agentId, { state_reason: 'healthy', unhealthy: false })
  const after = await (await container(agentId)).inspect()
  expect([after.Id, after.State.StartedAt]).toEqual([before.Id, before.State.StartedAt])
  expect((await timeline(agentId))[0]).toBe('seen: it does not answer its health check')
})

test.concurrent('a key that a sync could not take out in time is taken out by the next look', async () => {
  const agentId = await running()
  await writeFile(join(it.keysDir, agentId, 'old-key'), 'x', { mode: 0o400 })
  const late = new Date(Date.now() - 3_600_000)
  const over = { input: '{"takesKeyBack":true}', deadline_at: late }
  await it.untilOperation(await it.insertOperation(agentId, 'sync-keys', over), 'failed')
  await healed(agentId, 'a key is still to be taken out of it')
  expect(await readdir(join(it.keysDir, agentId))).not.toContain('old-key')
  expect(await it.agent(agentId)).toMatchObject({ keys_owed: false })
})

test.concurrent('what agents that are gone left is removed and audited; kept data and what is not ours stay', async () => {
  const gone = await running()
  const kept = await running()
  await it.setAgent(kept, { keep_data: true })
  for (const agentId of [gone, kept]) {
    await it.untilOperation(await it.queueBehind(agentId, 'delete'), 'succeeded')
  }
  const labels = (role: string, installation = it.installation) => ({
    'com.nora.installation': installation,
    'com.nora.agent': gone,
    'com.nora.role': role,
  })
  const unknown = '00000000-0000-4000-8000-000000000002'
  const network = await it.docker.createNetwork({
    Name: names(gone).network,
    Labels: labels('network'),
    Internal: true,
  })
  await it.docker.createVolume({ Name: names(gone).volume, Labels: labels('volume') })
  const strange = `strange-${gone}`
  await it.docker.createVolume({ Name: strange, Labels: labels('volume', 'somebody-elses') })
  const helper = { name: names(gone).handOver, Image: it.image, Labels: labels('hand-over') }
  await it.docker.createContainer(helper)
  const [keys, disks] = [join(it.keysDir, gone), join(it.dataDir, 'disks')]
  await mkdir(keys, { recursive: true })
  await mkdir(disks, { recursive: true })
  for (const agentId of [gone, unknown]) await writeFile(join(disks, `${agentId}.ext4`), '')
  try {
    await until(
      'nothing left of it',
      async () => (await it.tracesOf(gone)).filter((one) => !one.includes(strange)).length === 0,
    )
    await until('its disk to go', async () => !(await readdir(disks)).includes(`${gone}.ext4`))
    for (const [kind, id] of [
      ['network', network.id],
      ['keys', gone],
    ]) {
      expect((await audited(id!)).map((row) => row.target_kind)).toContain(kind)
    }
    // Data goes on the word of a row alone.
    expect(await readdir(disks)).toContain(`${unknown}.ext4`)
    expect((await it.tracesOf(kept)).filter((one) => one.startsWith('volume'))).toHaveLength(1)
    await it.docker.getVolume(strange).inspect()
    // Another test's, that is just being made or removed, may fail one.
    await until(
      'a round that fails on none of these',
      async () => worker.health().loops.find(({ name }) => name === 'leftovers')?.lastError === null,
    )
  } finally {
    await it.docker.getVolume(strange).remove()
    await rm(join(disks, `${unknown}.ext4`), { force: true })
  }
})

test('the machine restarts: everything stopped, memory empty, disks detached, the gateway dead; all comes back', async () => {
  const agents = await Promise.all([running(starter), running(), running()])
  await it.untilOperation(await it.queueBehind(agents[2]!, 'stop'), 'succeeded')
  await worker.stop()
  const filters = { label: [`com.nora.installation=${it.installation}`] }
  await Promise.all(
    (await it.docker.listContainers({ filters })).map(({ Id }) => it.docker.getContainer(Id).kill()),
  )
  await rm(it.keysDir, { recursive: true, force: true })
  await detachDisks(it.folder)
  worker = await workerInProcess(it, redis.url, periods)
  for (const agentId of agents.slice(0, 2)) await healed(agentId, 'its program ended')
  expect(await timeline(agents[0]!)).toEqual(
    expect.arrayContaining(['exited', 'ensure-storage', 'deliver-keys', 'start', 'route']),
  )
  await shows(agents[0]!, { state_reason: 'healthy' })
  await shows(agents[2]!, { state: 'stopped' })
  expect((await it.containersOf(agents[2]!)).map((one) => one.State)).toEqual(['exited'])
})
