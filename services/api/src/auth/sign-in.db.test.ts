import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { expect, test } from 'vitest'
import { testApi } from '../testing/test-api.ts'

const api = testApi(testDatabase(), testRedis())

test('me says who is signed in and where', async () => {
  const user = await api.signUp()
  const me = await user.get('/api/auth/me')
  expect(me.status).toBe(200)
  expect(me.body.user).toEqual(user.user)
  expect(me.body.workspaces).toEqual([{ id: me.body.personalWorkspaceId, name: 'Personal', role: 'owner' }])
})
