import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { afterAll, describe, expect, test } from 'vitest'
import {
  password,
  setupToken,
  startApi,
  type TestApi,
  type TestApiOptions,
  testApi,
} from '../testing/test-api.ts'

describe('claiming a server', () => {
  const database = testDatabase()
  const redis = testRedis()
  const opened: TestApi[] = []
  const open = async (options?: TestApiOptions) => {
    const api = await startApi(database, redis, options)
    opened.push(api)
    return api
  }
  afterAll(async () => {
    for (const api of opened) await api.close()
  })
  const account = (n: number | string) => ({ email: `claim-${n}@nora.test`, password })

  test('needs the setup token, and the exact one', async () => {
    const { anonymous } = await open()
    for (const given of [undefined, 'wrong', `${setupToken}x`, setupToken.slice(0, -1)]) {
      const answer = await anonymous.post('/api/auth/signup', {
        ...account(0),
        ...(given && { setupToken: given }),
      })
      expect([answer.status, answer.body.code]).toEqual([403, 'setup-token-required'])
    }
    expect((await anonymous.get('/api/auth/bootstrap-status')).body).toEqual({ claimed: false })
    expect(await database.asSuperuser('select 1 from nora.users')).toEqual([])
  })

  test('needs a token on an address that others reach, even when none was set', async () => {
    const { anonymous } = await open({ config: { setupToken: undefined, bind: '0.0.0.0' } })
    const answer = await anonymous.post('/api/auth/signup', account(0))
    expect([answer.status, answer.body.code]).toEqual([403, 'setup-token-required'])
  })

  test('needs a token where a proxy carries the address elsewhere, and says that none was set', async () => {
    const publicUrl = 'https://nora.example.test'
    const { anonymous } = await open({ config: { setupToken: undefined, publicUrl } })
    const answer = await anonymous.post('/api/auth/signup', account(0))
    expect([answer.status, answer.body.code]).toEqual([403, 'setup-token-required'])
    expect(answer.body.detail).toContain('NORA_SETUP_TOKEN')
  })

  test('a hundred at once make one admin', async () => {
    // Loopback and no token set: everybody on this machine may try.
    const { anonymous } = await open({ config: { setupToken: undefined } })
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, n) => anonymous.post('/api/auth/signup', account(n))),
    )
    // A hundred hashes wait for one another; on a busy machine the last ones are told to come again.
    for (const { status } of answers) expect([202, 503]).toContain(status)
    expect(answers.filter(({ status }) => status === 202).length).toBeGreaterThan(1)
    const admins = await database.asSuperuser<{ id: string }>(
      `select id from nora.users where platform_role = 'admin'`,
    )
    const [installation] = await database.asSuperuser('select claimed_by from nora.installation')
    expect(admins.map(({ id }) => id)).toEqual([installation?.['claimed_by']])
    const claims = await database.asSuperuser(
      `select 1 from nora.audit_log where event_type = 'SERVER_CLAIMED'`,
    )
    expect(claims).toHaveLength(1)
    expect((await anonymous.get('/api/auth/bootstrap-status')).body).toEqual({ claimed: true })
  })

  test('closed sign-up refuses everybody once the server is claimed', async () => {
    const { anonymous } = await open({ config: { signupEnabled: false } })
    const answer = await anonymous.post('/api/auth/signup', { ...account('late'), setupToken })
    expect([answer.status, answer.body.code]).toEqual([403, 'signup-disabled'])
  })
})

describe('signing up', () => {
  const api = testApi(testDatabase(), testRedis())

  test.each([
    ['eleven characters', { password: 'a'.repeat(11) }],
    ['129 characters', { password: 'a'.repeat(129) }],
    ['no address', { email: 'nobody' }],
    ['a field we do not know', { admin: true }],
    ['a role', { platformRole: 'admin' }],
    ['a number for a password', { password: 123456789012 }],
    ['a list for an address', { email: ['a@nora.test'] }],
  ])('refuses %s with 400 and repeats nothing of it', async (_, wrong) => {
    const answer = await api.anonymous.post('/api/auth/signup', { email: 'a@nora.test', password, ...wrong })
    expect([answer.status, answer.body.code]).toEqual([400, 'bad-request'])
    expect(answer.body.errors).toHaveLength(1)
    expect(answer.text).not.toMatch(/aaaa|nobody|123456|correct horse|admin/)
  })
})
