import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { type LivePage, livePages } from '../testing/live-pages.ts'
import { refusedUpgrade } from '../testing/log-sockets.ts'
import { password, testApi } from '../testing/test-api.ts'
import { withinFiveSeconds } from '../testing/within-five-seconds.ts'

const adminUrl = 'http://admin.localhost:8080'
const database = testDatabase()
const api = testApi(database, testRedis(), { config: { adminUrl } })
const live = livePages(api)
const path = '/api/ws/admin'
const origin = adminUrl
let inConsole: Client
let admin: Client

beforeAll(async () => {
  inConsole = await api.signUp()
  admin = await api.anonymous.adminLogin(inConsole.user!.email, password)
})
const cookieOf = (who: Client) => [...who.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
const ticketOf = async (who = admin): Promise<string> => {
  const answer = await who.post('/api/admin/ws-tickets', { kind: 'admin' }, { origin })
  expect(answer.status, answer.text).toBe(201)
  return answer.body.ticket
}
const open = async (who = admin): Promise<LivePage> => {
  const page = live.connect(await ticketOf(who), path, { cookie: cookieOf(who), origin })
  await waitUntil('hello', () => page.frames.length > 0)
  return page
}
const anotherAdmin = async (): Promise<Client> => {
  const person = await api.signUp()
  await database.asSuperuser(`update nora.users set platform_role = 'admin' where id = $1`, [person.user!.id])
  return Object.assign(await api.anonymous.adminLogin(person.user!.email, password), { user: person.user })
}

describe('what an admin’s page is told', () => {
  test('which lists of the whole server changed, and no name of anything', async () => {
    const page = await open()
    const bob = await api.signUp()
    await page.told('users', 'audit')
    page.forget()
    const made = await bob.post('/api/agents', { name: 'a', runtime: 'starter' })
    expect(made.status).toBe(202)
    await page.told('agents', 'queue')
    await database.asSuperuser(
      `insert into nora.workers (id, kid8, key_version, internal_url) values ('w1', '\\x0000000000000000', 1, 'http://w1')`,
    )
    await page.told('workers')
    page.forget()
    await database.asSuperuser(`update nora.workers set last_seen_at = now() - interval '1 minute'`)
    await page.told('workers')
    await database.asSuperuser(
      `insert into nora.sealing_keys (version, kid8, verifier) values (1, '\\x0000000000000000', sha256('x'));
       insert into nora.key_rotations (target_version) values (1)`,
    )
    await page.told('keys')
    const words = ['users', 'agents', 'queue', 'workers', 'audit', 'settings', 'keys']
    const all = page.frames.flatMap(({ topics = [] }) => topics)
    expect(all.filter((topic) => !words.includes(topic))).toEqual([])
  })

  test('at most once a second, whatever happens', async () => {
    const page = await open()
    const bob = await api.signUp()
    const { id } = (await bob.post('/api/agents', { name: 'a', runtime: 'starter' })).body
    await page.told('agents')
    const before = page.frames.length
    const began = performance.now()
    // Far more changes than seconds, however slow the machine is.
    for (let round = 0; round < 60 || performance.now() - began < 3_500; round++) {
      expect((await bob.patch(`/api/agents/${id}`, { name: `n${round}` })).status).toBe(200)
    }
    await waitUntil('two of them', () => page.frames.length - before > 1)
    // Counted and not measured one by one: two that were sent in order may be read at once after a stall.
    expect(page.frames.length - before).toBeLessThanOrEqual((performance.now() - began) / 1_000 + 2)
  })

  test('not that an admin or a worker looked, or the page would call itself up', async () => {
    const marks = () => database.asSuperuser('select count(*)::int as marks from nora.changes')
    await open()
    const before = await marks()
    for (const list of ['audit', 'users', 'agents', 'queue', 'workers', 'settings', 'keys']) {
      expect((await admin.get(`/api/admin/${list}`)).status).toBe(200)
    }
    // As a worker asks whether an exchange of keys has ended.
    await database.asSuperuser('update nora.key_rotations set finished_at = now() where false')
    expect(await marks()).toEqual(before)
  })
})

describe('who is not let in', () => {
  test('whoever has no admin session: a console’s token, cookie or ticket', async () => {
    const console = await api.signUp({ transport: 'cookie' })
    const ticket = await ticketOf()
    const events = (await inConsole.post('/api/ws-tickets', { kind: 'events' })).body.ticket
    expect(await live.connect(ticket, path, { cookie: cookieOf(console), origin }).closed).toBe(4401)
    expect(await live.connect(ticket, path, { origin }).closed).toBe(4401)
    expect(await live.connect(events, path, { cookie: cookieOf(admin), origin }).closed).toBe(4401)
    const bearer = live.connect(ticket, path, { authorization: `Bearer ${inConsole.accessToken}` })
    expect(await refusedUpgrade(bearer.socket)).toBe(400)
    for (const client of [inConsole, console]) {
      expect((await client.post('/api/admin/ws-tickets', { kind: 'admin' }, { origin })).status).toBe(401)
    }
    // And an admin's ticket opens nothing in a console.
    const { personalWorkspaceId } = (await inConsole.get('/api/auth/me')).body
    const inWorkspace = `/api/ws/events/${personalWorkspaceId}`
    const asPerson = { authorization: `Bearer ${inConsole.accessToken}` }
    expect(await live.connect(ticket, inWorkspace, asPerson).closed).toBe(4401)
  })

  test('a page of the console, or of anybody else', async () => {
    const [ticket, cookie] = [await ticketOf(), cookieOf(admin)]
    for (const other of [api.origin, 'https://evil.example', `${adminUrl}.evil.example`, 'null']) {
      expect(await refusedUpgrade(live.connect(ticket, path, { cookie, origin: other }).socket)).toBe(403)
    }
    expect(await refusedUpgrade(live.connect(ticket, path, { cookie }).socket)).toBe(403)
  })

  test('a ticket twice, an old one, or one of another admin', async () => {
    const other = await anotherAdmin()
    const ticket = await ticketOf()
    expect(await live.connect(ticket, path, { cookie: cookieOf(other), origin }).closed).toBe(4401)
    const page = live.connect(ticket, path, { cookie: cookieOf(admin), origin })
    await waitUntil('hello', () => page.frames.length > 0)
    expect(await live.connect(ticket, path, { cookie: cookieOf(admin), origin }).closed).toBe(4401)
    const old = await ticketOf()
    await database.asSuperuser(`update nora.live_streams set ticket_expires_at = now() - interval '1 second'`)
    expect(await live.connect(old, path, { cookie: cookieOf(admin), origin }).closed).toBe(4401)
  })
})

describe('what ends an open page within five seconds', () => {
  test.each(['losing the role', 'signing out', 'a passkey that was not shown'])('%s', async (what) => {
    const other = await anotherAdmin()
    const page = await open(other)
    const id = other.user!.id
    if (what === 'losing the role') {
      await database.asSuperuser(`update nora.users set platform_role = 'user' where id = $1`, [id])
    } else if (what === 'signing out') {
      expect((await other.post('/api/admin/auth/logout', {}, { origin })).status).toBe(204)
    } else {
      await database.asSuperuser(
        `insert into nora.passkeys (user_id, credential_id, public_key, counter, label, backed_up) values ($1, sha256('x'), sha256('x'), 0, 'x', false)`,
        [id],
      )
    }
    expect(await withinFiveSeconds(database, page.closed)).toBe(4403)
  })
})
