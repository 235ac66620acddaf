import { once } from 'node:events'
import { request } from 'node:https'
import { invokedAgent } from '@nora/api/testing/invoked-agent'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { ask, rawTls } from './testing/ask.ts'
import { edgeWithApi } from './testing/edge-with-api.ts'
import { adminHost, publicHost } from './testing/start-edge.ts'

const database = testDatabase()
const { edge, api } = edgeWithApi(database, testRedis())
const agent = invokedAgent(database, api)
const bearer = () => ({ authorization: `Bearer ${agent.owner.accessToken}` })
const json = { 'content-type': 'application/json' }

describe('streams', () => {
  test('a socket opens, is told, and stays', async () => {
    const { body } = await agent.owner.get('/api/auth/me')
    const made = await ask(edge, '/api/ws-tickets', {
      method: 'POST',
      headers: { ...json, ...bearer(), 'x-nora-workspace': body.personalWorkspaceId },
      body: JSON.stringify({ kind: 'events' }),
    })
    expect(made.status, made.text).toBe(201)
    const { ticket } = JSON.parse(made.text)
    const url = `wss://127.0.0.1:${edge.httpsPort}/api/ws/events/${body.personalWorkspaceId}`
    const headers = { host: `${publicHost}:${edge.httpsPort}`, ...bearer() }
    const options = { ca: edge.ca, servername: publicHost, headers }
    const socket = new WebSocket(url, ['nora.v1', `ticket.${ticket}`], options)
    const [frame] = await once(socket, 'message')
    expect(JSON.parse(String(frame)).type).toBe('hello')
    socket.close()
    await once(socket, 'close')
    const logged = await waitUntil('nginx to log it', async () => {
      const text = await edge.logged()
      return text.includes('"status":101') && text
    })
    expect(logged).not.toContain(ticket)
    expect(logged).not.toContain(agent.owner.accessToken)
  })

  test('an upgrade to no address of ours is not found there either', async () => {
    const asked = [
      [publicHost, '/api/ws/'],
      [publicHost, '/api/ws/nothing'],
      [publicHost, '/api/ws/logs/nothing'],
      [adminHost, '/api/ws/logs/nothing'],
    ] as const
    for (const [host, path] of asked) {
      const connection = await rawTls(edge, host)
      const offer =
        'upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA=='
      connection.socket.write(
        `GET ${path} HTTP/1.1\r\nhost: ${host}:${edge.httpsPort}\r\nconnection: upgrade\r\n${offer}\r\n\r\n`,
      )
      await connection.hears(/"code":"[a-z-]+"/)
      expect(connection.said(), path).toMatch(/^HTTP\/1\.1 404 Not Found\r\n.*"code":"not-found"/s)
      connection.socket.destroy()
    }
  })

  test('an agent’s events arrive one by one, as they are sent', async () => {
    let next: (() => void) | undefined
    agent.handle = async (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'yes' })
      response.write('data: 1\n\n')
      await new Promise<void>((resolve) => {
        next = resolve
      })
      response.end('data: 2\n\n')
    }
    const host = `${publicHost}:${edge.httpsPort}`
    const asked = request({
      ...{ host: '127.0.0.1', port: edge.httpsPort, servername: publicHost, ca: edge.ca, agent: false },
      ...{ path: agent.path('/events'), headers: { host, ...bearer() } },
    }).end()
    const [response] = await once(asked, 'response')
    const [first] = await once(response, 'data')
    expect(String(first)).toBe('data: 1\n\n')
    next!()
    const [second] = await once(response, 'data')
    expect(String(second)).toBe('data: 2\n\n')
    await once(response.resume(), 'end')
  })

  test('a body goes on to an agent while it is still being sent', async () => {
    let seen = ''
    agent.handle = (asked, response) => {
      asked.on('data', (chunk) => {
        seen += chunk
        response.write(`got ${chunk};`)
      })
      asked.on('end', () => response.end())
    }
    const host = `${publicHost}:${edge.httpsPort}`
    const asked = request({
      ...{ host: '127.0.0.1', port: edge.httpsPort, servername: publicHost, ca: edge.ca, agent: false },
      ...{ method: 'POST', path: agent.path('/upload'), headers: { host, ...bearer() } },
    })
    asked.write('first')
    const [response] = await once(asked, 'response')
    const [told] = await once(response, 'data')
    expect([String(told), seen]).toEqual(['got first;', 'first'])
    asked.end('last')
    await once(response.resume(), 'end')
    expect(seen).toBe('firstlast')
  })
})

describe('bodies', () => {
  const post = (path: string, bytes: number) =>
    ask(edge, path, { method: 'POST', headers: { ...json, ...bearer() }, body: Buffer.alloc(bytes, 'x') })

  test('have a size', async () => {
    const got = await post('/api/agents', 1024 * 1024 + 1)
    expect([got.status, JSON.parse(got.text).code]).toEqual([413, 'payload-too-large'])
    expect(got.headers['content-type']).toBe('application/problem+json')
    expect((await edge.lineOf(JSON.parse(got.text).correlationId))['upstream']).toBe('')
  })

  test('for agents, as large as the operator says', async () => {
    agent.handle = (asked, response) => {
      let bytes = 0
      asked.on('data', (chunk) => {
        bytes += chunk.length
      })
      asked.on('end', () => response.end(String(bytes)))
    }
    const most = 3 * 1024 * 1024
    expect((await post(agent.path('/x'), most)).text).toBe(String(most))
    expect((await post(agent.path('/x'), most + 1)).status).toBe(413)
  })
})
