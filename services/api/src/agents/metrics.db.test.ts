import { randomUUID } from 'node:crypto'
import type { AgentMetrics } from '@nora/contract/agent-metrics'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { makeKey, program } from '../testing/program.ts'
import { type Team, team } from '../testing/team.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const minute = 60_000
/** A whole hour that is over, and less than two hours ago. */
const hour = Math.floor(Date.now() / (60 * minute)) * 60 * minute - 60 * minute
const at = (ms: number) => new Date(hour + ms).toISOString()
let here: Team
let id: string

// Ten minutes from the hour on, a sample each 10 s: number n uses n % of a core and n MB, and has n processes.
beforeAll(async () => {
  here = await team(api)
  const made = await here.owner.post('/api/agents', { name: 'a', runtime: 'starter' }, here.headers)
  id = made.body.id
  await database.asSuperuser(
    `insert into nora.agent_samples (workspace_id, agent_id, at, cpu_percent, memory_bytes, memory_limit_bytes, network_rx_bytes,
       network_tx_bytes, pids)
     select $1, $2, $3::timestamptz + n * interval '10 seconds', n, n * 1000000, 128000000, n * 1000, n * 10, n
     from generate_series(0, 59) n`,
    [here.id, id, at(0)],
  )
})

const ask = (query: string, by: Client = here.owner, agentId = id) =>
  by.get(`/api/agents/${agentId}/metrics?${query}`, here.headers)
async function metrics(query: string): Promise<AgentMetrics> {
  const answer = await ask(query)
  expect(answer.status, answer.text).toBe(200)
  return answer.body
}
const range = (from: number, to: number) => `from=${at(from)}&to=${at(to)}`

describe('what an agent used', () => {
  test('sample by sample, at `from` and later, before `to`', async () => {
    const { items, step } = await metrics(`${range(10_000, 30_000)}&step=10`)
    expect(step).toBe(10)
    expect(items).toEqual([
      {
        ...{ ts: at(10_000), cpuPercent: 1, memoryBytes: 1_000_000, memoryLimitBytes: 128_000_000 },
        ...{ networkRxBytes: 1000, networkTxBytes: 10, pids: 1, diskBytes: null, diskLimitBytes: null },
      },
      {
        ...{ ts: at(20_000), cpuPercent: 2, memoryBytes: 2_000_000, memoryLimitBytes: 128_000_000 },
        ...{ networkRxBytes: 2000, networkTxBytes: 20, pids: 2, diskBytes: null, diskLimitBytes: null },
      },
    ])
  })

  test('in steps: averages, the most processes, the last count of bytes', async () => {
    const { items } = await metrics(`${range(0, 10 * minute)}&step=60`)
    expect(items.map(({ ts }) => ts)).toEqual(Array.from({ length: 10 }, (_, n) => at(n * minute)))
    expect(items[1]).toMatchObject({
      ...{ cpuPercent: 8.5, memoryBytes: 8_500_000, networkRxBytes: 11_000, networkTxBytes: 110, pids: 11 },
    })
  })

  test('only of the range, also where a step begins before it', async () => {
    const { items } = await metrics(`${range(30_000, 90_000)}&step=60`)
    expect(items.map(({ ts, cpuPercent, pids }) => [ts, cpuPercent, pids])).toEqual([
      [at(0), 4, 5],
      [at(minute), 7, 8],
    ])
  })

  test('a step without a sample has no item', async () => {
    expect((await metrics(`${range(9 * minute, 20 * minute)}&step=60`)).items).toHaveLength(1)
    expect((await metrics(`${range(-30 * minute, 0)}&step=60`)).items).toEqual([])
  })

  test.each([
    ['10', 10 * minute],
    ['10', 60 * minute],
    ['20', 61 * minute],
    ['120', 12 * 60 * minute],
  ])('the step is %s s when none is said for %d ms', async (step, ms) => {
    expect((await metrics(range(0, ms))).step).toBe(Number(step))
  })

  test('of the last hour when no range is said, of a day at the most', async () => {
    await database.asSuperuser(
      `insert into nora.agent_samples (workspace_id, agent_id, at, cpu_percent, memory_bytes, memory_limit_bytes,
         network_rx_bytes, network_tx_bytes, pids)
       select $1, $2, now() - age * interval '1 minute', 1, 1, 1, 1, 1, 1000 + age from unnest(array[1, 58, 23 * 60 + 58]) age`,
      [here.id, id],
    )
    const pids = (answer: AgentMetrics) => answer.items.map((one) => one.pids).filter((n) => n > 1000)
    expect(pids(await metrics(''))).toEqual([1058, 1001])
    const day = await metrics(`from=${new Date(Date.now() - 24 * 60 * minute).toISOString()}`)
    expect([day.step, pids(day)]).toEqual([240, [2438, 1058, 1001]])
    expect(
      (await metrics(`from=${new Date(Date.now() - 24 * 60 * minute).toISOString()}&step=60`)).step,
    ).toBe(60)
  })
})

describe('what cannot be answered is said, with what can', () => {
  const day = 24 * 60 * minute
  test.each([
    ['step', 'step=9', />= 10/],
    ['step', 'step=3601', /<= 3600/],
    ['step', 'step=1.5', /integer/],
    ['step', `from=${at(-300 * minute)}&to=${at(0)}&step=10`, /more than 1440 items: use 20 or more/],
    ['from', 'from=yesterday', /date-time/],
    ['from', 'from=2026-01-01', /date-time/],
    ['from', `from=${at(-day)}&to=${at(0)}`, /at most 24 hours ago/],
    ['to', `from=${at(0)}&to=${at(0)}`, /later than `from`/],
    ['to', `to=${at(0)}&from=${at(1)}`, /later than `from`/],
    ['to', `from=${at(0)}&to=${at(2 * day)}`, /at most 24 hours after/],
  ])('%s of %s', async (name, query, words) => {
    const { status, body } = await ask(query)
    expect([status, body.code]).toEqual([400, 'bad-request'])
    expect(body.errors).toEqual([{ path: `querystring/${name}`, message: expect.stringMatching(words) }])
  })

  test('a name that is none', async () => {
    expect((await ask('steps=10')).status).toBe(400)
  })

  test('as many steps as are allowed', async () => {
    expect((await metrics(`${range(-240 * minute, 0)}&step=10`)).step).toBe(10)
  })
})

describe('who may see it', () => {
  test('a viewer of the workspace; to others it is not there', async () => {
    const viewer = await here.join('viewer')
    expect((await ask(`${range(0, minute)}&step=10`, viewer)).body.items).toHaveLength(6)
    const stranger = await team(api)
    const answers = await Promise.all([
      stranger.owner.get(`/api/agents/${id}/metrics`, stranger.headers),
      ask('', here.owner, randomUUID()),
    ])
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual([
      [404, 'not-found'],
      [404, 'not-found'],
    ])
  })

  test('a program with the scope, of this workspace', async () => {
    const get = async (scopes: string[], of = here) => {
      const { key } = await makeKey(of.owner, of.id, { scopes })
      return program(api, key).get(`/api/agent-hub/agents/${id}/metrics?${range(0, minute)}&step=60`)
    }
    const allowed = await get(['metrics:read'])
    expect([allowed.status, allowed.body.items.length]).toEqual([200, 1])
    const without = await get(['agents:read', 'agents:write', 'logs:read'])
    expect([without.status, without.body.code, without.body.scope]).toEqual([
      403,
      'missing-scope',
      'metrics:read',
    ])
    expect((await get(['metrics:read'], await team(api))).status).toBe(404)
  })

  test('nobody once the agent is deleted', async () => {
    const made = await here.owner.post('/api/agents', { name: 'b', runtime: 'starter' }, here.headers)
    expect((await ask('', here.owner, made.body.id)).status).toBe(200)
    await database.asSuperuser('update nora.agents set deleted_at = now() where id = $1', [made.body.id])
    expect((await ask('', here.owner, made.body.id)).status).toBe(404)
  })
})
