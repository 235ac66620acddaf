import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { expect, test } from 'vitest'
import { password, startApi, testApi } from '../../testing/test-api.ts'

const database = testDatabase()
const redis = testRedis()
const own = 'https://admin.nora.test'
const api = testApi(database, redis, {
  config: { publicUrl: 'https://nora.test', adminUrl: own, production: true },
})

test('on an origin of its own the console’s page is a stranger, and the cookies are bound to the host', async () => {
  const who = await api.signUp()
  const body = { email: who.user!.email, password }
  for (const origin of ['https://nora.test', 'http://admin.nora.test', 'null']) {
    expect((await api.anonymous.post('/api/admin/auth/login', body, { origin })).body.code).toBe(
      'csrf-failed',
    )
  }
  const answer = await api.anonymous.post('/api/admin/auth/login', body, { origin: own })
  expect(answer.status).toBe(200)
  expect(answer.cookies).toHaveLength(2)
  for (const line of answer.cookies) {
    expect(line).toMatch(
      /^__Host-nora_admin_(at|rt)=[\w.-]+; Max-Age=\d+; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    )
  }
})

test('without one a server that others reach lets nobody in, and says what to set', async () => {
  const closed = await startApi(database, redis, { config: { adminUrl: undefined, production: true } })
  try {
    const answer = await closed.anonymous.post('/api/admin/auth/login', { email: 'a@nora.test', password })
    expect([answer.status, answer.body.code]).toEqual([403, 'admin-closed'])
    expect(answer.body.title).toContain('NORA_ADMIN_URL')
    expect((await closed.anonymous.get('/api/admin/auth/me')).status).toBe(401)
  } finally {
    await closed.close()
  }
})
