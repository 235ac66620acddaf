import { randomUUID } from 'node:crypto'
import { waitUntil } from '@nora/testing/wait-until'
import { beforeAll, expect, test } from 'vitest'
import { assembleTinyImage } from '../services/worker/src/images/tiny.ts'
import { type Agent, type Answer, type Client, signedIn } from './client.ts'
import { stack } from './stack.ts'

const each = 20
const it = stack({ MAX_AGENTS: String(each) })
let alice: Client
let bob: Client
let image: string

beforeAll(async () => {
  alice = await signedIn(it, 'alice')
  bob = await signedIn(it, 'bob')
  image = (
    await assembleTinyImage(it.docker, {
      name: 'e2e-sleeper',
      cmd: ['/bin/sh', '-c', 'echo up; exec sleep 3600'],
    })
  ).reference
}, 300_000)

const list = async (client: Client) => {
  const { body } = await client.get<{ items: Agent[] }>('agents?limit=200')
  return body.items
}

/** Asks once, and again where an api that waits too long for a connection says 503: whatever came of the first is what the second tells. */
function create(client: Client, name: string): Promise<Answer<Agent & { code?: string }>> {
  const once = randomUUID()
  const asked = {
    name,
    runtime: 'image',
    image,
    resources: { cpus: 0.1, memoryMb: 32, diskMb: 64, pids: 32 },
  }
  return waitUntil(
    `an answer about ${name}`,
    async () => {
      const answer = await client.post<Agent & { code?: string }>('agents', asked, once)
      if (answer.status === 503 || answer.body.code === 'idempotency-in-progress') return undefined
      return answer
    },
    { deadlineMs: 240_000 },
  )
}

test('two people deploy 20 agents each at once: all run, quotas are exact, nobody sees the other', {
  timeout: 900_000,
}, async () => {
  const attempts = [alice, bob].map((client) =>
    Promise.all(Array.from({ length: each + 3 }, (_, index) => create(client, `agent-${index}`))),
  )
  for (const answers of await Promise.all(attempts)) {
    expect(answers.filter((answer) => answer.status === 202)).toHaveLength(each)
    const refused = answers.filter((answer) => answer.status !== 202)
    expect(refused.map((answer) => [answer.status, answer.body.code])).toEqual(
      Array(3).fill([422, 'quota-exceeded']),
    )
  }
  for (const client of [alice, bob]) {
    for (const agent of await list(client)) await client.until(agent.id, 'running', 600_000)
  }
  const [hers, his] = [await list(alice), await list(bob)]
  expect([hers.length, his.length]).toEqual([each, each])
  expect(hers.filter((agent) => his.some((other) => other.id === agent.id))).toEqual([])
  const absent = await alice.get('agents/00000000-0000-4000-8000-000000000000')
  for (const path of ['', '/events', '/logs', '/operations']) {
    const answer = await alice.get(`agents/${his[0]!.id}${path}`)
    expect([path, answer.status, answer.body['code']]).toEqual([path, 404, absent.body['code']])
  }
  for (const verb of ['start', 'stop', 'restart', 'sync-keys']) {
    expect((await alice.post(`agents/${his[0]!.id}/${verb}`)).status).toBe(404)
  }
  expect((await alice.delete(`agents/${his[0]!.id}`)).status).toBe(404)
})
