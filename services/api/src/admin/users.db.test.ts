import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { beforeAll, describe, expect, test } from 'vitest'
import { claimAsAdmin } from '../testing/admin.ts'
import type { Client } from '../testing/client.ts'
import { logSockets, quiet } from '../testing/log-sockets.ts'
import { password, testApi } from '../testing/test-api.ts'
import { withinFiveSeconds } from '../testing/within-five-seconds.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const path = '/api/admin/users'
let admin: Client
// Before the people of the sockets: the first account runs the server.
beforeAll(async () => {
  ;({ admin } = await claimAsAdmin(api))
})
const logs = logSockets(database, api)

const change = (who: Client, body: object) => admin.patch(`${path}/${who.user!.id}`, body)
const emails = (answer: { body: { items: { email: string }[] } }) => answer.body.items.map((one) => one.email)
const eventsAbout = async (who: Client) =>
  (
    await database.asSuperuser(
      `select event_type, details from nora.audit_log where target_id = $1 and actor_id = $2 and workspace_id =
         (select id from nora.workspaces where personal_of = $3) order by seq`,
      [who.user!.id, admin.user!.id, who.user!.id],
    )
  ).map((row) => [row['event_type'], row['details']])

describe('the list', () => {
  const named = ['anna@list.test', 'Anton@list.test', 'berta@list.test', 'ünal@list.test']

  beforeAll(async () => {
    await database.asSuperuser(
      `insert into nora.users (email, name) select e, 'N' from unnest($1::text[]) e`,
      [named],
    )
  })

  test('is in the order of addresses, pages follow one another without a gap, and `q` is how an address begins', async () => {
    const all = emails(await admin.get(`${path}?limit=200`))
    expect(all.map((one) => one.toLowerCase())).toEqual(all.map((one) => one.toLowerCase()).sort())
    expect(all).toEqual(expect.arrayContaining(named))
    const seen: string[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const answer = await admin.get(`${path}?limit=2${cursor && `&cursor=${cursor}`}`)
      seen.push(...emails(answer))
      cursor = answer.body.nextCursor
    }
    expect(seen).toEqual(all)
    expect(emails(await admin.get(`${path}?q=AN`))).toEqual(['anna@list.test', 'Anton@list.test'])
    expect(emails(await admin.get(`${path}?q=${encodeURIComponent('Ü')}`))).toEqual(['ünal@list.test'])
    expect(emails(await admin.get(`${path}?q=${encodeURIComponent('%')}`))).toEqual([])
    for (const cursor of ['!', 'AAAA', Buffer.from('a\u0000b').toString('base64url')]) {
      expect((await admin.get(`${path}?cursor=${cursor}`)).status, cursor).toBe(400)
    }
  })

  test('is narrowed down to admins, and to who is disabled', async () => {
    expect(emails(await admin.get(`${path}?role=admin`))).toEqual([admin.user!.email])
    await database.asSuperuser(`update nora.users set disabled_at = now() where email = 'berta@list.test'`)
    expect(emails(await admin.get(`${path}?disabled=true`))).toEqual(['berta@list.test'])
    expect(emails(await admin.get(`${path}?disabled=false`))).not.toContain('berta@list.test')
  })
})

test('one person is shown with what they belong to and have, and no more', async () => {
  const who = await api.signUp()
  await who.post('/api/workspaces', { name: 'Second' })
  await who.post('/api/agents', { name: 'a', runtime: 'starter' })
  const { body } = await admin.get(`${path}/${who.user!.id}`)
  expect(body).toEqual({
    ...{ id: who.user!.id, email: who.user!.email, name: '', platformRole: 'user', disabledAt: null },
    ...{ createdAt: expect.any(String), lastSeenAt: expect.any(String) },
    ...{ agents: 1, sessions: 1, adminSessions: 0 },
    memberships: [
      expect.objectContaining({ workspaceName: 'Second', personal: false, role: 'owner' }),
      expect.objectContaining({ workspaceName: 'Personal', personal: true, role: 'owner' }),
    ],
  })
  expect((await admin.get(`${path}/00000000-0000-4000-8000-000000000000`)).body.code).toBe('not-found')
})

describe('an account that an admin', () => {
  test('disables is out at once, sockets within five seconds; enabled again it signs in anew', async () => {
    await logs.worker(quiet)
    const who = logs.ada
    const stream = logs.connect(await logs.ticketOf(who), who)
    await waitUntil('the state', () => stream.frames.length === 1)
    const answer = await change(who, { disabled: true })
    expect(answer.body).toMatchObject({
      id: who.user!.id,
      disabledAt: expect.any(String),
      platformRole: 'user',
    })
    expect((await who.get('/api/auth/me')).status).toBe(401)
    expect([4401, 4403]).toContain(await withinFiveSeconds(database, stream.closed))
    await expect(api.login(who.user!.email, password)).rejects.toThrow('401')
    expect((await change(who, { disabled: false })).body.disabledAt).toBeNull()
    expect((await who.get('/api/auth/me')).status).toBe(401)
    expect((await (await api.login(who.user!.email, password)).get('/api/auth/me')).status).toBe(200)
    expect(await eventsAbout(who)).toEqual([
      ['USER_DISABLED', { by: 'platform admin', sessionsRevoked: 1 }],
      ['USER_ENABLED', { by: 'platform admin' }],
    ])
  })

  test('signs out has no session left, in the console or the admin app', async () => {
    const who = await api.signUp()
    await change(who, { platformRole: 'admin' })
    const asAdmin = await api.anonymous.adminLogin(who.user!.email, password)
    const answer = await admin.post(`${path}/${who.user!.id}/sign-out`, {})
    expect(answer.body).toEqual({ sessionsRevoked: 2 })
    expect((await who.get('/api/auth/me')).status).toBe(401)
    expect((await asAdmin.get('/api/admin/auth/me')).status).toBe(401)
    expect((await admin.post(`${path}/${who.user!.id}/sign-out`, {})).body).toEqual({ sessionsRevoked: 0 })
    expect((await admin.post(`${path}/00000000-0000-4000-8000-000000000000/sign-out`, {})).status).toBe(404)
  })

  test('promotes is an admin who can demote; asking for what is so already is not an event', async () => {
    const who = await api.signUp()
    expect((await change(who, { platformRole: 'user' })).status).toBe(200)
    expect(await eventsAbout(who)).toEqual([])
    expect((await change(who, { platformRole: 'admin' })).body.platformRole).toBe('admin')
    const second = await api.anonymous.adminLogin(who.user!.email, password)
    expect((await second.get(path)).status).toBe(200)
    expect((await change(who, { platformRole: 'user' })).status).toBe(200)
    expect((await second.get(path)).status).toBe(401)
    await expect(api.anonymous.adminLogin(who.user!.email, password)).rejects.toThrow('401')
    const changed = { platformRole: true, by: 'platform admin' }
    expect(await eventsAbout(who)).toEqual([
      ['PERMISSION_CHANGED', { ...changed, from: 'user', to: 'admin' }],
      ['PERMISSION_CHANGED', { ...changed, from: 'admin', to: 'user' }],
    ])
  })

  test('asks nonsense about is refused', async () => {
    for (const body of [{}, { disabled: 'yes' }, { platformRole: 'owner' }, { email: 'x@nora.test' }]) {
      expect((await change(admin, body)).status, JSON.stringify(body)).toBe(400)
    }
    expect((await admin.patch(`${path}/x`, { disabled: true })).status).toBe(400)
    expect(
      (await admin.patch(`${path}/00000000-0000-4000-8000-000000000000`, { disabled: true })).status,
    ).toBe(404)
  })
})
