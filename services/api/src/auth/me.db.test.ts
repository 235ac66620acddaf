import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { expect, test } from 'vitest'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())

test('people say what they are called, in their own account alone, and it is audited', async () => {
  const [ada, bob] = [await api.signUp(), await api.signUp()]
  const changed = await ada.patch('/api/auth/me', { name: 'Ada L.' })
  expect([changed.status, changed.body.user]).toEqual([200, { ...ada.user, name: 'Ada L.' }])
  expect((await ada.get('/api/auth/me')).body).toEqual(changed.body)
  expect((await bob.get('/api/auth/me')).body.user.name).toBe('')
  const { personalWorkspaceId } = changed.body
  expect(
    await database.asSuperuser(
      `select actor_id, target_id, workspace_id, details from nora.audit_log where event_type = 'USER_RENAMED'`,
    ),
  ).toEqual([
    { actor_id: ada.user!.id, target_id: ada.user!.id, workspace_id: personalWorkspaceId, details: {} },
  ])
  expect((await ada.patch('/api/auth/me', { name: '' })).body.user.name).toBe('')
})

test('a name is held to what sign-up takes, and nothing else can be changed with it', async () => {
  const carl = await api.signUp()
  for (const name of [
    'x'.repeat(101),
    'two\nlines',
    'esc\u001b[31m',
    'turned\u202eada',
    'off\u2069ada',
    7,
    null,
  ]) {
    expect((await carl.patch('/api/auth/me', { name })).status).toBe(400)
  }
  for (const more of [{ platformRole: 'admin' }, { email: 'other@nora.test' }, { id: carl.user!.id }]) {
    expect((await carl.patch('/api/auth/me', { name: 'Carl', ...more })).status).toBe(400)
  }
  expect((await carl.patch('/api/auth/me', {})).status).toBe(400)
  expect((await carl.patch('/api/auth/me', { name: 'x'.repeat(100) })).status).toBe(200)
})

test('a page of another site changes no name', async () => {
  const eve = await api.signUp({ transport: 'cookie' })
  expect((await eve.patch('/api/auth/me', { name: 'Eve' })).status).toBe(200)
  for (const headers of [{ 'x-csrf-token': undefined }, { origin: 'https://evil.example' }]) {
    expect((await eve.patch('/api/auth/me', { name: 'Mallory' }, headers)).body.code).toBe('csrf-failed')
  }
})
