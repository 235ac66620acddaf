import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { beforeAll, describe, expect, test } from 'vitest'
import { claimAsAdmin, stepUpAdmin } from '../../testing/admin.ts'
import type { Client } from '../../testing/client.ts'
import { password, testApi } from '../../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
let admin: Client
let inConsole: Client
const names = { access: 'nora_admin_at', refresh: 'nora_admin_rt' }
const me = '/api/admin/auth/me'
const email = () => admin.user!.email
const signIn = () => api.anonymous.adminLogin(email(), password)
const codeOf = async (answer: ReturnType<Client['get']>) => {
  const { status, body } = await answer
  return [status, body?.code]
}
const sessionIdOf = async (who: Client) => (await who.get(me)).body.session.id as string
const age = (id: string, column: 'idle_expires_at' | 'expires_at') =>
  database.asSuperuser(
    `update nora.admin_sessions set ${column} = now() - interval '1 second' where id = $1`,
    [id],
  )

beforeAll(async () => {
  ;({ admin, console: inConsole } = await claimAsAdmin(api))
})

describe('signing in as an admin', () => {
  test('gives two cookies of their own names, strict, for half an hour and for twelve at the most', async () => {
    const answer = await api.anonymous.post('/api/admin/auth/login', { email: email(), password })
    expect(answer.status).toBe(200)
    expect(answer.body).toMatchObject({
      user: { email: email(), platformRole: 'admin' },
      secondFactorDue: false,
      session: { steppedUpUntil: null },
    })
    expect(answer.text).not.toContain('accessToken')
    const [access, refresh] = Object.values(names).map(
      (name) => answer.cookies.find((line) => line.startsWith(`${name}=`))!,
    )
    for (const line of [access!, refresh!]) expect(line).toMatch(/Path=\/; HttpOnly; SameSite=Strict/)
    expect(access).toContain('Max-Age=600')
    expect(refresh).toContain('Max-Age=1800')
    api.anonymous.cookies.clear()
    const [row] = await database.asSuperuser(
      `select round(extract(epoch from idle_expires_at - created_at)) as idle,
         round(extract(epoch from expires_at - created_at)) as most from nora.admin_sessions where id = $1`,
      [answer.body.session.id],
    )
    expect(row).toEqual({ idle: '1800', most: '43200' })
  })

  test('is refused alike to everybody else, and each refusal is audited', async () => {
    const tenant = await api.signUp()
    const tries = [
      { email: tenant.user!.email, password },
      { email: email(), password: 'not the password' },
      { email: 'nobody@nora.test', password },
    ]
    for (const body of tries) {
      expect(await codeOf(api.anonymous.post('/api/admin/auth/login', body))).toEqual([
        401,
        'invalid-credentials',
      ])
    }
    const rows = await database.asSuperuser(
      `select target_id from nora.audit_log where event_type = 'SIGN_IN_FAILED' and details = '{"as": "admin"}' order by seq`,
    )
    expect(rows.map((row) => row['target_id'])).toEqual([tenant.user!.id, admin.user!.id, null])
    expect(api.anonymous.cookies.size).toBe(0)
  })

  test('is not for a page of another origin, nor for the console’s where they differ', async () => {
    for (const headers of [
      { origin: 'https://evil.test' },
      { origin: `${api.origin}0` },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'none' },
    ]) {
      const answer = api.anonymous.post('/api/admin/auth/login', { email: email(), password }, headers)
      expect(await codeOf(answer)).toEqual([403, 'csrf-failed'])
    }
  })
})

describe('an admin session', () => {
  test('opens nothing of the console, and a session of the console nothing of an admin’s', async () => {
    for (const path of ['/api/auth/me', '/api/agents', '/api/audit', '/api/workspaces']) {
      expect(await codeOf(admin.get(path)), path).toEqual([401, 'unauthenticated'])
    }
    expect(await codeOf(inConsole.get(me))).toEqual([401, 'unauthenticated'])
    const cookies = await api.login(email(), password, 'cookie')
    expect(await codeOf(cookies.get(me))).toEqual([401, 'unauthenticated'])
    // The right tokens under the other's names.
    const [at, rt] = ['nora_at', 'nora_rt'].map((name) => cookies.cookies.get(name)!)
    const swapped = { cookie: `${names.access}=${at}; ${names.refresh}=${rt}` }
    expect(await codeOf(api.anonymous.get(me, swapped))).toEqual([401, 'unauthenticated'])
    const refresh = api.anonymous.post('/api/admin/auth/refresh', {}, { ...swapped, origin: api.origin })
    expect(await codeOf(refresh)).toEqual([401, 'unauthenticated'])
    const adminToken = admin.cookies.get(names.access)!
    for (const headers of [{ cookie: `nora_at=${adminToken}` }, { authorization: `Bearer ${adminToken}` }]) {
      expect(await codeOf(api.anonymous.get('/api/auth/me', headers))).toEqual([401, 'unauthenticated'])
    }
    expect(await codeOf(api.anonymous.get(me, { authorization: `Bearer ${adminToken}` }))).toEqual([
      401,
      'unauthenticated',
    ])
    expect(await codeOf(admin.get(me, { authorization: `Bearer ${inConsole.accessToken}` }))).toEqual([
      400,
      'conflicting-credentials',
    ])
  })

  test('is not read by a page of another origin either', async () => {
    expect((await admin.get(me, { 'sec-fetch-site': 'none' })).status).toBe(200)
    expect((await admin.get(me, { origin: api.origin, 'sec-fetch-site': 'same-origin' })).status).toBe(200)
    for (const headers of [{ origin: 'https://console.test' }, { 'sec-fetch-site': 'same-site' }]) {
      expect(await codeOf(admin.get(me, headers))).toEqual([403, 'csrf-failed'])
    }
  })

  test('changes nothing without its own token and Origin', async () => {
    const other = await signIn()
    const cookies = await api.login(email(), password, 'cookie')
    const wrong = [
      { 'x-csrf-token': undefined },
      { 'x-csrf-token': other.csrfToken },
      { 'x-csrf-token': cookies.csrfToken },
      { origin: undefined },
      { origin: 'https://evil.test' },
    ]
    for (const headers of wrong) {
      for (const path of ['step-up', 'logout']) {
        const answer = admin.post(`/api/admin/auth/${path}`, path === 'logout' ? {} : { password }, headers)
        expect(await codeOf(answer), JSON.stringify(headers)).toEqual([403, 'csrf-failed'])
      }
    }
    expect((await admin.get(me)).status).toBe(200)
  })

  test.each(['idle_expires_at', 'expires_at'] as const)('is over at its %s', async (column) => {
    const who = await signIn()
    await age(await sessionIdOf(who), column)
    expect(await codeOf(who.get(me))).toEqual([401, 'unauthenticated'])
    expect(await codeOf(who.post('/api/admin/auth/refresh', {}))).toEqual([401, 'unauthenticated'])
    expect(who.cookies.size).toBe(0)
  })

  test('ends by signing out, with an access token or when that has run out', async () => {
    for (const withAccess of [true, false]) {
      const who = await signIn()
      const kept = new Map(who.cookies)
      if (!withAccess) who.cookies.delete(names.access)
      expect((await who.post('/api/admin/auth/logout', {})).status).toBe(204)
      expect(who.cookies.size).toBe(0)
      for (const [name, value] of kept) who.cookies.set(name, value)
      expect(await codeOf(who.get(me))).toEqual([401, 'unauthenticated'])
    }
  })

  test.each([
    ['a change of the password', `password_verifier = sha256('another')`],
    ['losing the role', `platform_role = 'user'`],
    ['being disabled', `disabled_at = now()`],
  ])('does not outlive %s, nor come back with what was', async (_, change) => {
    const who = await signIn()
    const [before] = await database.asSuperuser('select password_verifier from nora.users where id = $1', [
      who.user!.id,
    ])
    await database.asSuperuser(`update nora.users set ${change} where id = $1`, [who.user!.id])
    expect(await codeOf(who.get(me))).toEqual([401, 'unauthenticated'])
    await database.asSuperuser(
      `update nora.users set password_verifier = $2, platform_role = 'admin', disabled_at = null where id = $1`,
      [who.user!.id, before!['password_verifier']],
    )
    expect(await codeOf(who.get(me))).toEqual([401, 'unauthenticated'])
    admin = await signIn()
    await stepUpAdmin(admin)
  })
})
