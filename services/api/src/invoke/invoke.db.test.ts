import type { IncomingMessage } from 'node:http'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { expect, test } from 'vitest'
import { invokedAgent } from '../testing/invoked-agent.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const agent = invokedAgent(database, api)

const textOf = async (message: IncomingMessage) => {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

test('a request goes through byte for byte, without the caller’s credentials', async () => {
  let seen: { url: string | undefined; headers: IncomingMessage['headers']; body: string } | undefined
  agent.handle = async (request, response) => {
    seen = { url: request.url, headers: request.headers, body: await textOf(request) }
    response.writeHead(201, { 'content-type': 'application/json', 'x-own': 'yes' }).end('{"ok":true}')
  }
  const answer = await agent.owner.request('POST', agent.path('/v1/chat%20x/completions?a=b%2Fc&d'), {
    raw: '{"hello":"wörld"}',
    headers: {
      'content-type': 'application/json',
      'x-nora-workspace': (await agent.owner.get('/api/auth/me')).body.personalWorkspaceId,
      'x-forwarded-for': '6.6.6.6',
      'x-mine': 'kept',
    },
  })
  expect([answer.status, answer.body]).toEqual([201, { ok: true }])
  expect(answer.headers.get('x-own')).toBe('yes')
  expect(answer.headers.get('x-nora-answer')).toBe('agent')
  expect(seen?.url).toBe('/v1/chat%20x/completions?a=b%2Fc&d')
  expect(seen?.body).toBe('{"hello":"wörld"}')
  expect(seen?.headers['x-mine']).toBe('kept')
  expect(seen?.headers['x-correlation-id']).toBe(answer.headers.get('x-correlation-id'))
  const names = Object.keys(seen?.headers ?? {})
  expect(
    names.filter((name) => /^(authorization|cookie|x-csrf|x-nora|x-forwarded|sec-fetch)/.test(name)),
  ).toEqual([])
  expect(JSON.stringify(seen)).not.toContain(agent.owner.accessToken)
})

test('a cookie caller’s cookies and CSRF token stay here; without the token nothing is sent', async () => {
  const eve = await api.signUp({ transport: 'cookie' })
  const id = await agent.agentOf(eve, 'running')
  await agent.route(id, eve, agent.programPort)
  let calls = 0
  let headers: IncomingMessage['headers'] = {}
  agent.handle = (request, response) => {
    calls++
    headers = request.headers
    response.end('{}')
  }
  const path = `/api/agents/${id}/invoke/x`
  expect((await eve.post(path, {}, { 'x-csrf-token': undefined })).body.code).toBe('csrf-failed')
  expect((await eve.get(path, { 'sec-fetch-site': 'cross-site' })).body.code).toBe('csrf-failed')
  expect(calls).toBe(0)
  expect((await eve.post(path, {})).status).toBe(200)
  expect(headers.cookie).toBeUndefined()
  expect(headers['x-csrf-token']).toBeUndefined()
  await agent.route(agent.agentId, agent.owner, agent.programPort)
})

test('a proxy or a cache in front of us takes no orders from an agent', async () => {
  const orders = {
    'x-accel-redirect': '/internal/file',
    'x-accel-expires': '3600',
    'x-sendfile': '/etc/passwd',
    'x-lighttpd-send-file': '/etc/passwd',
    'x-litespeed-location': '/internal/file',
    'x-reproxy-url': 'http://10.0.0.1/',
    'surrogate-control': 'max-age=3600',
    'cdn-cache-control': 'max-age=3600',
    'cloudflare-cdn-cache-control': 'max-age=3600',
    'edge-control': 'cache-maxage=1h',
  }
  agent.handle = (_request, response) => {
    response.writeHead(200, { ...orders, 'x-accel-buffering': 'no' }).end('{}')
  }
  const { headers } = await agent.owner.get(agent.path('/x'))
  expect(Object.keys(orders).filter((name) => headers.has(name))).toEqual([])
  expect(headers.get('x-accel-buffering'), 'a stream may ask not to be held back').toBe('no')
})

test('an agent’s page cannot act on our origin', async () => {
  agent.handle = (_request, response) => {
    response.writeHead(200, {
      'content-type': 'text/html',
      'set-cookie': ['nora_at=stolen; Path=/', '__Host-nora_rt=stolen'],
      'content-security-policy': "default-src *; script-src 'unsafe-inline'",
      'access-control-allow-origin': '*',
      'clear-site-data': '"*"',
      'x-nora-gateway': 'problem',
      'cache-control': 'public, max-age=9999',
    })
    response.end('<script>alert(1)</script>')
  }
  const answer = await agent.owner.get(agent.path('/page'))
  expect(answer.status).toBe(200)
  expect(answer.cookies).toEqual([])
  expect(answer.headers.get('content-security-policy')).toMatch(/^sandbox;/)
  expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
  expect(answer.headers.get('cache-control')).toBe('no-store')
  expect(answer.headers.get('access-control-allow-origin')).toBeNull()
  expect(answer.headers.get('clear-site-data')).toBeNull()
})

test('a redirect inside the agent stays inside, any other is dropped', async () => {
  agent.handle = (request, response) => {
    const to = request.url === '/in' ? '/login?x=1' : 'https://evil.example/'
    response.writeHead(302, { location: to }).end()
  }
  expect((await agent.owner.get(agent.path('/in'))).headers.get('location')).toBe(agent.path('/login?x=1'))
  expect((await agent.owner.get(agent.path('/out'))).headers.get('location')).toBeNull()
})
