import { randomUUID } from 'node:crypto'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { livePages } from '../testing/live-pages.ts'
import { refusedUpgrade } from '../testing/log-sockets.ts'
import { type Team, team } from '../testing/team.ts'
import { password, testApi } from '../testing/test-api.ts'
import { withinFiveSeconds } from '../testing/within-five-seconds.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const live = livePages(api)
let here: Team
let there: Team

beforeAll(async () => {
  here = await team(api)
  there = await team(api)
})
const bearer = (who: Client) => ({ authorization: `Bearer ${who.accessToken}` })
const pathOf = (workspaceId: string) => `/api/ws/events/${workspaceId}`

describe('who is not let in', () => {
  test('a ticket opens one page, of its own session and workspace alone', async () => {
    const both = await here.join('viewer')
    const ticket = await live.ticketOf(both, here.id)
    const personal = (await both.get('/api/auth/me')).body.personalWorkspaceId
    const path = pathOf(here.id)
    expect(await live.connect(ticket, path, bearer(here.owner)).closed).toBe(4401)
    expect(await live.connect(ticket, pathOf(personal), bearer(both)).closed).toBe(4401)
    expect(await live.connect(ticket, pathOf(there.id), bearer(both)).closed).toBe(4401)
    expect(await live.connect(ticket, pathOf(randomUUID()), bearer(both)).closed).toBe(4401)
    const again = await api.login(both.user!.email, password)
    expect(await live.connect(ticket, path, bearer(again)).closed).toBe(4401)
    expect(await live.connect(ticket, path, { origin: api.origin }).closed).toBe(4401)
    const good = live.connect(ticket, path, bearer(both))
    await waitUntil('hello', () => good.frames.length > 0)
    expect(await live.connect(ticket, path, bearer(both)).closed).toBe(4401)
  })

  test('an old ticket, and one for another kind of stream', async () => {
    const ticket = await live.ticketOf(here.owner, here.id)
    await database.asSuperuser(`update nora.live_streams set ticket_expires_at = now() - interval '1 second'`)
    expect(await live.connect(ticket, pathOf(here.id), bearer(here.owner)).closed).toBe(4401)
    const made = await here.owner.post('/api/agents', { name: 'a', runtime: 'starter' }, here.headers)
    const body = { kind: 'logs', agentId: made.body.id }
    const logs = (await here.owner.post('/api/ws-tickets', body, here.headers)).body.ticket
    expect(await live.connect(logs, pathOf(here.id), bearer(here.owner)).closed).toBe(4401)
    const events = await live.ticketOf(here.owner, here.id)
    const elsewhere = live.connect(events, `/api/ws/logs/${made.body.id}`, bearer(here.owner))
    expect(await elsewhere.closed).toBe(4401)
  })

  test('whoever does not belong to the workspace gets no ticket, and a ticket names no agent', async () => {
    const stranger = await api.signUp()
    const answer = await stranger.post('/api/ws-tickets', { kind: 'events' }, here.headers)
    expect([answer.status, answer.body.code]).toEqual([404, 'not-found'])
    const agentId = randomUUID()
    const more = await here.owner.post('/api/ws-tickets', { kind: 'events', agentId }, here.headers)
    expect([more.status, more.body.code]).toEqual([400, 'bad-request'])
  })

  test('a cookie session from another origin, and a bearer with Origin or Cookie', async () => {
    const eve = await api.signUp({ transport: 'cookie' })
    const { personalWorkspaceId: own } = (await eve.get('/api/auth/me')).body
    const cookie = [...eve.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const ticket = await live.ticketOf(eve, own)
    for (const headers of [
      { cookie, origin: 'https://evil.example' },
      { cookie, origin: 'null' },
      { cookie },
    ]) {
      expect(await refusedUpgrade(live.connect(ticket, pathOf(own), headers as never).socket)).toBe(403)
    }
    const both = { ...bearer(here.owner), origin: api.origin }
    expect(await refusedUpgrade(live.connect(ticket, pathOf(own), both).socket)).toBe(400)
    const good = live.connect(ticket, pathOf(own), { cookie, origin: api.origin })
    await waitUntil('hello', () => good.frames.length > 0)
  })

  test('more than twenty of one person', async () => {
    const ada = await here.join('viewer')
    const all = []
    for (let open = 0; open < 20; open++) all.push(await live.page(ada, here.id))
    const ticket = await live.ticketOf(ada, here.id)
    expect(await live.connect(ticket, pathOf(here.id), bearer(ada)).closed).toBe(4429)
    all[0]!.socket.close()
    await all[0]!.closed
    await live.page(ada, here.id)
  })
})

describe('what ends an open page within five seconds', () => {
  const ending = async (who: Client, end: () => Promise<unknown>, code = 4403) => {
    const [page, other] = [await live.page(who, here.id), await live.page(here.owner, here.id)]
    await end()
    const closed = withinFiveSeconds(database, page.closed)
    // What happens from now on is no business of theirs.
    const made = await here.owner.post('/api/agents', { name: 'later', runtime: 'starter' }, here.headers)
    expect(await closed).toBe(code)
    await other.told(`agent:${made.body.id}`)
    expect(page.topics()).not.toContain(`agent:${made.body.id}`)
    expect(other.socket.readyState).toBe(other.socket.OPEN)
  }

  test('being removed', async () => {
    const carl = await here.join('editor')
    await ending(carl, async () => expect((await here.remove(here.owner, carl)).status).toBe(204))
  })
  test('signing out', async () => {
    const carl = await here.join('viewer')
    await ending(carl, async () => expect((await carl.post('/api/auth/logout', {})).status).toBe(204))
  })
  test('being disabled', async () => {
    const carl = await here.join('viewer')
    const disable = 'update nora.users set disabled_at = now() where id = $1'
    await ending(carl, () => database.asSuperuser(disable, [carl.user!.id]))
  })
  test('its eight hours', async () => {
    const carl = await here.join('viewer')
    const age = `update nora.live_streams set redeemed_at = now() - interval '8 hours' where user_id = $1`
    await ending(carl, () => database.asSuperuser(age, [carl.user!.id]))
  })
})
