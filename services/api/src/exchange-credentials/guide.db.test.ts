import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { expect, test } from 'vitest'
import { guide } from '../testing/guide.ts'
import { password, testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())

test('every command of the guide does what it says', async () => {
  const owner = await api.signUp()
  const { named, run } = await guide(api, 'credentials.md')
  Object.assign(named, { PASSWORD: password, TOKEN: owner.accessToken })
  const permissions: string[] = []
  const count = await run(async ({ body }) => {
    if (body?.provider) named['INTEGRATION'] = body.id
    if (body?.kind === 'test-key') named['TEST'] = body.id
    if (body?.permission) permissions.push(body.permission)
    if (body?.exchange) named['EXCHANGE'] = body.id
    if (body?.operation?.kind !== 'provision') return
    named['AGENT'] = body.id
    // As a worker would have it when the reader goes on.
    await database.asSuperuser(`update nora.operations set status = 'succeeded', finished_at = now()`)
    await database.asSuperuser(`update nora.agents set state = 'running'`)
  })
  expect(count).toBeGreaterThan(12)
  expect(permissions).toEqual(['read_only', 'trading_enabled', 'read_only', 'read_only'])
  expect((await owner.get('/api/integrations')).body.items).toHaveLength(0)
})
