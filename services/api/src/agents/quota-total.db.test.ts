import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { expect, test } from 'vitest'
import { claimAsAdmin } from '../testing/admin.ts'
import { startApi, testApi } from '../testing/test-api.ts'

const database = testDatabase()
const redis = testRedis()
const total = 25
const config = { maxAgentsTotal: total }
const api = testApi(database, redis, { config })

test('sixty creations at once in three workspaces, through two processes, make as many agents as the server has room for', async () => {
  const { admin } = await claimAsAdmin(api)
  // Processes of one server sign with the same secrets.
  const other = await startApi(database, redis, {
    config: { ...config, jwtSecrets: api.deps.config.jwtSecrets },
  })
  try {
    const people = await Promise.all([api.signUp(), api.signUp(), other.signUp()])
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, n) =>
        people[n % 3]!.post('/api/agents', { name: `a${n}`, runtime: 'starter' }),
      ),
    )
    const count = (status: number) => answers.filter((answer) => answer.status === status).length
    expect([count(202), count(422)]).toEqual([total, 60 - total])
    expect(answers.find((answer) => answer.status === 422)?.body).toMatchObject({
      ...{ code: 'quota-exceeded', quota: 'MAX_AGENTS_TOTAL', limit: total, requested: total + 1 },
    })
    // Whoever was refused left nothing behind.
    const [rows] = await database.asSuperuser(
      `select (select count(*)::int from nora.agents) as agents, (select count(*)::int from nora.operations) as operations`,
    )
    expect(rows).toEqual({ agents: total, operations: total })
    const { quotas } = (await admin.get('/api/admin/settings')).body
    expect(quotas[0]).toEqual({ name: 'MAX_AGENTS_TOTAL', limit: total, per: 'server', used: total })
    await database.asSuperuser(
      'update nora.agents set deleted_at = now() where id = (select id from nora.agents limit 1)',
    )
    const more = () => people[0]!.post('/api/agents', { name: 'x', runtime: 'starter' })
    expect((await more()).status).toBe(202)
    expect((await more()).status).toBe(422)
  } finally {
    await other.close()
  }
})
