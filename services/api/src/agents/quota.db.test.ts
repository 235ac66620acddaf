import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { expect, test } from 'vitest'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const agents = 25
const api = testApi(database, testRedis(), {
  config: { limits: { vcpu: 4, ramMb: 4096, diskGb: 10, agents } },
})

test('sixty creations at once make exactly as many agents as the quota has room for, per workspace', async () => {
  const [ada, bob] = [await api.signUp(), await api.signUp()]
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, index) =>
      (index % 2 ? ada : bob).post('/api/agents', { name: `a${index}`, runtime: 'starter' }),
    ),
  )
  const count = (status: number) => answers.filter((answer) => answer.status === status).length
  expect([count(202), count(422)]).toEqual([2 * agents, 60 - 2 * agents])
  const refused = answers.find((answer) => answer.status === 422)
  expect(refused?.body).toMatchObject({
    code: 'quota-exceeded',
    quota: 'MAX_AGENTS',
    limit: agents,
    requested: 26,
  })
  for (const user of [ada, bob]) {
    expect((await user.get('/api/agents?limit=200')).body.items).toHaveLength(agents)
  }
  const [rows] = await database.asSuperuser<{ agents: number; operations: number }>(
    `select (select count(*)::int from nora.agents) as agents, (select count(*)::int from nora.operations) as operations`,
  )
  expect(rows).toEqual({ agents: 2 * agents, operations: 2 * agents })
})

test('an agent that is gone makes room; one that is being deleted does not yet', async () => {
  const carl = await api.signUp()
  for (let i = 0; i < agents; i++) {
    expect((await carl.post('/api/agents', { name: `c${i}`, runtime: 'starter' })).status).toBe(202)
  }
  const one = (await carl.get('/api/agents?limit=1')).body.items[0]
  expect((await carl.delete(`/api/agents/${one.id}`)).status).toBe(202)
  expect((await carl.post('/api/agents', { name: 'x', runtime: 'starter' })).status).toBe(422)
  await database.asSuperuser('update nora.agents set deleted_at = now() where id = $1', [one.id])
  expect((await carl.post('/api/agents', { name: 'x', runtime: 'starter' })).status).toBe(202)
  expect((await carl.get(`/api/agents/${one.id}`)).status).toBe(404)
})
