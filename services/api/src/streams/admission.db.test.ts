// The worker here is a stand-in that speaks the internal protocol; e2e runs these streams against the real one.
import { once } from 'node:events'
import { request } from 'node:http'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { describe, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { logSockets, quiet, refusedUpgrade } from '../testing/log-sockets.ts'
import { testApi } from '../testing/test-api.ts'
import { withinFiveSeconds } from '../testing/within-five-seconds.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const logs = logSockets(database, api)

/** The ticket is good, but there is no WebSocket of this version. */
async function failedHandshake(ticket: string): Promise<unknown[]> {
  const asked = request(`${api.url}/api/ws/logs/${logs.agentId}`, {
    headers: {
      authorization: `Bearer ${logs.ada.accessToken}`,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '7',
      'sec-websocket-key': Buffer.alloc(16).toString('base64'),
      'sec-websocket-protocol': `nora.v1, ticket.${ticket}`,
    },
  })
  asked.end()
  const [response] = await once(asked, 'response')
  response.resume()
  const { 'content-type': type, 'sec-websocket-version': version } = response.headers
  return [response.statusCode, type, version]
}

describe('who is not let in', () => {
  test('a ticket opens one connection, of its own session and agent alone', async () => {
    await logs.worker(quiet)
    const ticket = await logs.ticketOf(logs.ada)
    expect(await logs.connect(ticket, logs.bob).closed).toBe(4401)
    const other = (await logs.ada.post('/api/agents', { name: 'b', runtime: 'starter' })).body.id
    expect(await logs.connect(ticket, logs.ada, { agent: other }).closed).toBe(4401)
    const good = logs.connect(ticket, logs.ada)
    await waitUntil('the state', () => good.frames.length === 1)
    expect(await logs.connect(ticket, logs.ada).closed).toBe(4401)
    const second = await api.login(logs.ada.user!.email, 'correct horse battery staple')
    expect(await logs.connect(await logs.ticketOf(logs.ada), second).closed).toBe(4401)
    expect(
      await logs.connect(await logs.ticketOf(logs.ada), undefined, { headers: { origin: api.origin } })
        .closed,
    ).toBe(4401)
  })

  test('an old ticket', async () => {
    const ticket = await logs.ticketOf(logs.ada)
    await database.asSuperuser(`update nora.streams set ticket_expires_at = now() - interval '1 second'`)
    expect(await logs.connect(ticket, logs.ada).closed).toBe(4401)
  })

  test('a cookie session from another origin, and a bearer with Origin or Cookie', async () => {
    const eve = await api.signUp({ transport: 'cookie' })
    const made = await eve.post('/api/agents', { name: 'e', runtime: 'starter' })
    const agent = made.body.id
    await logs.worker(quiet)
    const cookie = [...eve.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const ticket = await logs.ticketOf(eve, agent)
    for (const origin of ['https://evil.example', `${api.origin}.evil.example`, 'null']) {
      const { socket } = logs.connect(ticket, undefined, { agent, headers: { cookie, origin } })
      expect(await refusedUpgrade(socket)).toBe(403)
    }
    expect(await refusedUpgrade(logs.connect(ticket, undefined, { agent, headers: { cookie } }).socket)).toBe(
      403,
    )
    const authorization = `Bearer ${logs.ada.accessToken}`
    const both = [
      { authorization, cookie },
      { authorization, origin: api.origin },
    ]
    for (const headers of both) {
      expect(await refusedUpgrade(logs.connect(ticket, undefined, { agent, headers }).socket)).toBe(400)
    }
    const good = logs.connect(ticket, undefined, { agent, headers: { cookie, origin: api.origin } })
    await waitUntil('the state', () => good.frames.length === 1)
  })

  test('no subprotocol, two tickets, an unknown path', async () => {
    const ticket = await logs.ticketOf(logs.ada)
    for (const protocols of [
      ['nora.v1'],
      ['nora.v1', `ticket.${ticket}`, `ticket.${ticket.split('').reverse().join('')}`],
      [`ticket.${ticket}`],
    ]) {
      expect(await refusedUpgrade(logs.connect(ticket, logs.ada, { protocols }).socket)).toBe(400)
    }
    const { closed } = logs.connect(ticket, logs.ada, { agent: 'nobody' })
    expect(await closed).toBe(1006)
  })

  test('tickets for what is not there, or is somebody else’s', async () => {
    const foreign = await logs.bob.post('/api/ws-tickets', { kind: 'logs', agentId: logs.agentId })
    const absent = await logs.bob.post('/api/ws-tickets', {
      kind: 'logs',
      agentId: '00000000-0000-4000-8000-000000000000',
    })
    expect([foreign.status, absent.status]).toEqual([404, 404])
    expect({ ...foreign.body, correlationId: '' }).toEqual({ ...absent.body, correlationId: '' })
    expect((await logs.ada.post('/api/ws-tickets', { kind: 'metrics', agentId: logs.agentId })).status).toBe(
      400,
    )
  })

  test('more than twenty', async () => {
    await logs.worker(quiet)
    // Somebody of whom no test before has a socket that is still on its way out.
    const eve = await api.signUp()
    const agent = (await eve.post('/api/agents', { name: 'e', runtime: 'starter' })).body.id
    const connect = async () => logs.connect(await logs.ticketOf(eve, agent), eve, { agent })
    const all: ReturnType<typeof logs.connect>[] = []
    for (let i = 0; i < 20; i++) all.push(await connect())
    await waitUntil('twenty', () => all.every(({ frames }) => frames.length === 1))
    expect(await (await connect()).closed).toBe(4429)
    all[0]!.socket.close()
    await waitUntil('a free place', async () => {
      const again = await connect()
      const answered = () => again.frames.length === 1 || again.socket.readyState === again.socket.CLOSED
      await waitUntil('an answer', answered)
      return again.frames.length === 1
    })
  })

  test('what never became a socket takes no place', async () => {
    await logs.worker(quiet)
    const problem = [400, 'application/problem+json', '13']
    for (let i = 0; i < 20; i++) {
      expect(await failedHandshake(await logs.ticketOf(logs.ada))).toEqual(problem)
    }
    const good = logs.connect(await logs.ticketOf(logs.ada), logs.ada)
    await waitUntil('the state', () => good.frames.length === 1)
  })

  test('a message larger than 64 KiB', async () => {
    await logs.worker(quiet)
    const { socket, frames, closed } = logs.connect(await logs.ticketOf(logs.ada), logs.ada)
    await waitUntil('the state', () => frames.length === 1)
    socket.send('x'.repeat(65 * 1024))
    expect(await closed).toBe(1009)
  })
})

describe('what ends an open stream within five seconds', () => {
  const opened = async (who: Client, agent = logs.agentId) => {
    const stream = logs.connect(await logs.ticketOf(who, agent), who, { agent })
    await waitUntil('the state', () => stream.frames.length === 1)
    return stream
  }

  test('signing out', async () => {
    await logs.worker(quiet)
    const carl = await api.signUp()
    const agent = (await carl.post('/api/agents', { name: 'c', runtime: 'starter' })).body.id
    const stream = await opened(carl, agent)
    expect((await carl.post('/api/auth/logout', {})).status).toBe(204)
    expect(await withinFiveSeconds(database, stream.closed)).toBe(4403)
  })

  test('the agent’s end', async () => {
    await logs.worker(quiet)
    const agent = (await logs.ada.post('/api/agents', { name: 'd', runtime: 'starter' })).body.id
    const stream = await opened(logs.ada, agent)
    await database.asSuperuser('update nora.agents set deleted_at = now() where id = $1', [agent])
    expect(await withinFiveSeconds(database, stream.closed)).toBe(4404)
  })

  test('the worker’s own verdict', async () => {
    await logs.worker(async (send, _after, socket) => {
      await send({ type: 'state', state: 'deleting', reason: 'x' })
      socket.close(4404)
    })
    expect(await logs.connect(await logs.ticketOf(logs.ada), logs.ada).closed).toBe(4404)
  })
})
