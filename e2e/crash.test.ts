import { randomUUID } from 'node:crypto'
import { ownMs } from '@nora/testing/own-time'
import { waitUntil } from '@nora/testing/wait-until'
import { Redis } from 'ioredis'
import { beforeAll, expect, test } from 'vitest'
import { assembleTinyImage } from '../services/worker/src/images/tiny.ts'
import { machineOf } from './beside.ts'
import { type Client, signedIn } from './client.ts'
import { stack } from './stack.ts'

const it = stack()
let alice: Client
let image: string

beforeAll(async () => {
  alice = await signedIn(it, 'alice')
  image = (
    await assembleTinyImage(it.docker, {
      name: 'e2e-sleeper',
      cmd: ['/bin/sh', '-c', 'echo up; exec sleep 3600'],
    })
  ).reference
}, 300_000)

const deploy = (name: string, runtime: Record<string, unknown> = { runtime: 'image', image }) =>
  alice.deploy({ name, ...runtime, resources: { cpus: 0.5, memoryMb: 256, diskMb: 64, pids: 64 } })
const containersOf = (id: string) =>
  it.docker.listContainers({ all: true, filters: { label: [`com.nora.agent=${id}`, 'com.nora.role=agent'] } })
const provisionOf = async (id: string) =>
  (
    await it.database.asSuperuser<{ step: string | null; status: string }>(
      'select step, status from nora.operations where agent_id = $1 order by seq limit 1',
      [id],
    )
  )[0]

/** Deploys an agent and gives it back once it is at that step. Whoever stood still while it was takes another one. */
async function caughtAt(step: string): Promise<string> {
  for (let left = 4; ; left--) {
    const id = await deploy(`at-${step}-${left}`, { runtime: 'starter' })
    const seen = async () => {
      const now = await provisionOf(id)
      if (now?.step === step && now.status === 'leased') return 'there'
      return now?.status === 'succeeded' && 'missed'
    }
    const options = { deadlineMs: 120_000, everyMs: 2 }
    if ((await waitUntil(`the step ${step}`, seen, options)) === 'there') return id
    await alice.delete(`agents/${id}`)
    if (left === 0) throw new Error(`no agent was seen at ${step}`)
  }
}

test.each(['ensure-network', 'ensure-container', 'await-healthy'])(
  'kill -9 of the worker at %s: one healthy container within 10 s of its restart',
  async (step) => {
    // What a machine that is busy or stands still adds: all that an agent takes that nobody disturbs, and what Postgres and the engine are late by.
    const began = performance.now()
    const whole = await deploy(`whole-at-${step}`, { runtime: 'starter' })
    await alice.until(whole, 'running')
    const undisturbedMs = performance.now() - began
    const id = await caughtAt(step)
    await it.killWorker()
    const again = async () => {
      await it.startWorker()
      await alice.until(id, 'running')
    }
    const tookMs = await ownMs(again, machineOf(it))
    expect(tookMs, `${undisturbedMs} ms undisturbed`).toBeLessThan(10_000 + undisturbedMs)
    expect((await containersOf(id)).map((container) => container.State)).toEqual(['running'])
    await alice.delete(`agents/${id}`)
    await alice.delete(`agents/${whole}`)
  },
)

test('FLUSHALL on Redis in the middle loses nothing', async () => {
  const ids = await Promise.all(Array.from({ length: 4 }, (_, index) => deploy(`flushed-${index}`)))
  const redis = new Redis(it.redis.url)
  await redis.flushall()
  redis.disconnect()
  for (const id of ids) {
    await alice.until(id, 'running')
    expect(await containersOf(id)).toHaveLength(1)
  }
})

test('a container killed by hand comes back', async () => {
  const id = await deploy('killed-by-hand')
  await alice.until(id, 'running')
  const [before] = await containersOf(id)
  await it.docker.getContainer(before!.Id).remove({ force: true })
  await waitUntil(
    'another container to run',
    async () => {
      const [now] = await containersOf(id)
      return now && now.Id !== before!.Id && now.State === 'running'
    },
    { deadlineMs: 120_000 },
  )
  await alice.until(id, 'running')
})

test('a container that is not ours but has our name is left alone, and the agent says why it cannot start', async () => {
  await it.killWorker()
  const id = await deploy('squatted')
  const foreign = await it.docker.createContainer({
    name: `${it.prefix}-agent-${id}`,
    Image: image,
    Cmd: ['/bin/sh', '-c', 'exec sleep 3600'],
    Labels: { owner: randomUUID() },
  })
  try {
    await foreign.start()
    await it.startWorker()
    const agent = await alice.until(id, 'error')
    expect(agent.stateReason).toContain(`${it.prefix}-agent-${id}`)
    expect((await foreign.inspect()).State.Running).toBe(true)
    await alice.delete(`agents/${id}`)
    await waitUntil('the agent to be gone', async () => (await alice.get(`agents/${id}`)).status === 404, {
      deadlineMs: 120_000,
    })
    expect((await foreign.inspect()).State.Running).toBe(true)
  } finally {
    await foreign.remove({ force: true })
  }
})

test('an image that is nowhere, a program that ends, a program that is never healthy: each says so', {
  timeout: 400_000,
}, async () => {
  const failing = await assembleTinyImage(it.docker, {
    name: 'e2e-failing',
    cmd: ['/bin/sh', '-c', 'echo the disk is on fire >&2; exit 3'],
  })
  const cases = [
    {
      body: { runtime: 'image', image: 'localhost:1/nora/nothing:here' },
      says: /localhost:1\/nora\/nothing:here/,
    },
    { body: { runtime: 'image', image: failing.reference }, says: /code 3[\s\S]*the disk is on fire/ },
    {
      body: { runtime: 'image', image, port: 9, config: { probePath: '/healthz', startSeconds: 5 } },
      says: /not healthy after 5 s/,
    },
  ]
  const ids = await Promise.all(cases.map(({ body }, index) => deploy(`bad-${index}`, body)))
  for (const [index, { says }] of cases.entries()) {
    await waitUntil(
      `agent ${index} to say what is wrong`,
      async () => {
        const agent = await alice.agent(ids[index]!)
        if (['error', 'degraded'].includes(agent.state) && says.test(agent.stateReason)) return true
        throw new Error(`${agent.state}: ${agent.stateReason}`)
      },
      { deadlineMs: 240_000, everyMs: 250 },
    )
  }
})
