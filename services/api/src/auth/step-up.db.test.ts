import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { describe, expect, test } from 'vitest'
import { password, testApi } from '../testing/test-api.ts'

const database = testDatabase()
const redis = testRedis()
const api = testApi(database, redis, { rateLimits: { password: { max: 5, windowMs: 3_600_000 } } })
const until = async (who: {
  get: (path: string) => Promise<{ body: { session: { steppedUpUntil: string | null } } }>
}) => (await who.get('/api/auth/me')).body.session.steppedUpUntil
const eventsOf = async (id: string) =>
  (
    await database.asSuperuser(
      `select event_type from nora.audit_log where actor_id = $1 and event_type like 'STEP%' order by seq`,
      [id],
    )
  ).map((row) => row['event_type'])

describe('a step-up', () => {
  test.each(['bearer', 'cookie'] as const)(
    'by the password lasts ten minutes, for this %s session alone',
    async (transport) => {
      const who = await api.signUp({ transport })
      const other = await api.login(who.user!.email, password)
      expect(await until(who)).toBeNull()
      const answer = await who.post('/api/auth/step-up', { password })
      expect([answer.status, answer.text]).toEqual([204, ''])
      const minutes = (Date.parse((await until(who))!) - Date.now()) / 60_000
      expect(minutes).toBeGreaterThan(9.5)
      expect(minutes).toBeLessThanOrEqual(10)
      expect(await until(other)).toBeNull()
      expect(await eventsOf(who.user!.id)).toEqual(['STEPPED_UP'])
    },
  )

  test('by anything else is refused, audited, and no end of what one had', async () => {
    const who = await api.signUp()
    for (const wrong of ['wrong', `${password} `, password.toUpperCase()]) {
      const answer = await who.post('/api/auth/step-up', { password: wrong })
      expect([answer.status, answer.body.code]).toEqual([401, 'invalid-credentials'])
    }
    expect(await until(who)).toBeNull()
    expect(await eventsOf(who.user!.id)).toEqual(Array(3).fill('STEP_UP_REFUSED'))
    expect((await api.anonymous.post('/api/auth/step-up', { password })).status).toBe(401)
    for (const body of [{}, { password: '' }, { password: 1 }, { password, x: 1 }]) {
      expect((await who.post('/api/auth/step-up', body)).status).toBe(400)
    }
  })

  test('is tried five times a minute, counted with changes of the password', async () => {
    const who = await api.signUp()
    const attempts = [
      () => who.post('/api/auth/step-up', { password: 'wrong' }),
      () => who.patch('/api/auth/password', { currentPassword: 'wrong', newPassword: 'long enough for one' }),
    ]
    for (let n = 0; n < 5; n++) expect((await attempts[n % 2]!()).status).toBe(401)
    const over = await who.post('/api/auth/step-up', { password })
    expect([over.status, over.body.code]).toEqual([429, 'rate-limited'])
  })

  test('with a cookie needs the page’s own token', async () => {
    const who = await api.signUp({ transport: 'cookie' })
    const answer = await who.post('/api/auth/step-up', { password }, { 'x-csrf-token': undefined })
    expect([answer.status, answer.body.code]).toEqual([403, 'csrf-failed'])
  })
})
