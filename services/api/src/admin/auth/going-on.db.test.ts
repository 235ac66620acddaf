import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { beforeAll, describe, expect, test } from 'vitest'
import { claimAsAdmin, stepUpAdmin } from '../../testing/admin.ts'
import type { Client } from '../../testing/client.ts'
import { oneSuccessor } from '../../testing/one-successor.ts'
import { password, testApi } from '../../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
let admin: Client
const names = { access: 'nora_admin_at', refresh: 'nora_admin_rt' }
const me = '/api/admin/auth/me'
const email = () => admin.user!.email
const signIn = () => api.anonymous.adminLogin(email(), password)
const codeOf = async (answer: ReturnType<Client['get']>) => {
  const { status, body } = await answer
  return [status, body?.code]
}
const sessionIdOf = async (who: Client) => (await who.get(me)).body.session.id as string

beforeAll(async () => {
  ;({ admin } = await claimAsAdmin(api))
})

describe('a refresh token of an admin session', () => {
  test('works once, for twenty at once the same; used later it ends the session, which is audited', async () => {
    const { who, successor } = await oneSuccessor(database, {
      signIn,
      refreshes: (one) => {
        const headers = { cookie: `${names.refresh}=${one.cookies.get(names.refresh)}`, origin: api.origin }
        return Array.from({ length: 20 }, () => api.anonymous.post('/api/admin/auth/refresh', {}, headers))
      },
      successorOf: ({ cookies }) => cookies.find((line) => line.startsWith(names.refresh))?.split(';')[0],
    })
    api.anonymous.cookies.clear()
    await database.asSuperuser(
      `update nora.admin_refresh_tokens set used_at = used_at - interval '11 seconds' where used_at is not null`,
    )
    expect(await codeOf(who.post('/api/admin/auth/refresh', {}))).toEqual([401, 'unauthenticated'])
    expect(await codeOf(api.anonymous.get(me, { cookie: successor }))).toEqual([401, 'unauthenticated'])
    const [row] = await database.asSuperuser(
      `select actor_id, details from nora.audit_log where event_type = 'REFRESH_TOKEN_REUSED' order by seq desc limit 1`,
    )
    expect(row).toEqual({ actor_id: who.user!.id, details: { as: 'admin' } })
  })

  test('goes on for half an hour from then, never past twelve hours', async () => {
    const who = await signIn()
    const id = await sessionIdOf(who)
    await database.asSuperuser(
      `update nora.admin_sessions set idle_expires_at = now() + interval '1 minute', expires_at = now() + interval '20 minutes' where id = $1`,
      [id],
    )
    expect((await who.post('/api/admin/auth/refresh', {})).status).toBe(200)
    expect((await who.get(me)).status).toBe(200)
    const [row] = await database.asSuperuser(
      'select idle_expires_at = expires_at as capped from nora.admin_sessions where id = $1',
      [id],
    )
    expect(row).toEqual({ capped: true })
  })
})

describe('what changes things', () => {
  test('needs the password again within ten minutes, in that session; a wrong one is audited', async () => {
    const who = await signIn()
    const change = () => who.patch(`/api/admin/users/${admin.user!.id}`, { platformRole: 'admin' })
    expect(await codeOf(change())).toEqual([403, 'step-up-required'])
    expect(await codeOf(who.post('/api/admin/auth/step-up', { password: 'wrong' }))).toEqual([
      401,
      'invalid-credentials',
    ])
    expect(await codeOf(change())).toEqual([403, 'step-up-required'])
    await stepUpAdmin(who)
    expect((await change()).status).toBe(200)
    await database.asSuperuser(`update nora.admin_sessions set stepped_up_until = now() where id = $1`, [
      await sessionIdOf(who),
    ])
    expect(await codeOf(change())).toEqual([403, 'step-up-required'])
    const events = await database.asSuperuser(
      `select event_type from nora.audit_log where target_id = $1 and event_type like 'STEP%' order by seq`,
      [await sessionIdOf(who)],
    )
    expect(events.map((row) => row['event_type'])).toEqual(['STEP_UP_REFUSED', 'STEPPED_UP'])
  })

  test('opens nothing to an admin who has a second factor and has not shown it', async () => {
    const real = `create or replace function nora.second_factor_due(p_user uuid) returns boolean language sql stable security definer
      set search_path = pg_catalog, pg_temp as $$ select`
    await database.asSuperuser(`${real} true $$`)
    const who = await signIn()
    expect((await who.get(me)).body).toMatchObject({ secondFactorDue: true })
    expect(await codeOf(who.get('/api/admin/users'))).toEqual([401, 'second-factor-required'])
    expect(await codeOf(who.post('/api/admin/auth/step-up', { password }))).toEqual([
      401,
      'second-factor-required',
    ])
    await database.asSuperuser('update nora.admin_sessions set second_factor_at = now() where id = $1', [
      await sessionIdOf(who),
    ])
    expect((await who.get('/api/admin/users')).status).toBe(200)
    await database.asSuperuser(`${real} p_user is null $$`)
  })
})
