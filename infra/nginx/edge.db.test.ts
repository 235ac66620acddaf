import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:tls'
import { invokedAgent } from '@nora/api/testing/invoked-agent'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { describe, expect, test } from 'vitest'
import { ask, askPlainly } from './testing/ask.ts'
import { edgeWithApi } from './testing/edge-with-api.ts'
import { adminHost, publicHost } from './testing/start-edge.ts'

const database = testDatabase()
const { edge, api } = edgeWithApi(database, testRedis())
const agent = invokedAgent(database, api)
const json = { 'content-type': 'application/json' }

describe('plain http', () => {
  test('leads to https at the same name and place', async () => {
    for (const host of [publicHost, adminHost]) {
      const { status, headers } = await askPlainly(edge.httpPort, '/w/x?a=1', { host })
      expect([status, headers.location]).toEqual([301, `https://${host}:${edge.httpsPort}/w/x?a=1`])
    }
  })

  test('says nothing to whoever calls by another name', async () => {
    await expect(askPlainly(edge.httpPort, '/', { host: 'evil.example' })).rejects.toThrow(
      /hang up|ECONNRESET/,
    )
  })

  test('takes no password: what is sent to it is not passed on', async () => {
    const got = await askPlainly(edge.httpPort, '/api/auth/login', {
      method: 'POST',
      headers: json,
      body: '{}',
    })
    expect(got.status).toBe(301)
  })

  test('on the https port is refused', async () => {
    const got = await askPlainly(edge.httpsPort, '/api/healthz')
    expect([got.status, JSON.parse(got.text).code]).toEqual([400, 'bad-request'])
  })
})

describe('which name leads where', () => {
  const codeAt = async (host: string, path: string) => {
    const { status, headers, text } = await ask(edge, path, { host })
    expect(headers['content-type'], path).toMatch(/^application\/problem\+json/)
    const { code } = JSON.parse(text)
    return `${status} ${code}`
  }

  test('a name that is not ours gets no handshake, and no answer behind one that was', async () => {
    await expect(ask(edge, '/', { host: 'evil.example' })).rejects.toThrow(/unrecognized name/)
    const nameless = connect({ host: '127.0.0.1', port: edge.httpsPort, ca: edge.ca })
    const [error] = await once(nameless, 'error')
    expect(String(error)).toMatch(/unrecognized name/)
    const got = await ask(edge, '/', { saying: 'evil.example' })
    expect([got.status, JSON.parse(got.text).code]).toEqual([421, 'wrong-host'])
  })

  test('the public host has the api, and nothing of admins', async () => {
    expect((await ask(edge, '/api/healthz')).status).toBe(200)
    expect(await codeAt(publicHost, '/api/nothing')).toBe('404 not-found')
    expect(await codeAt(publicHost, '/admin/')).toBe('404 not-found')
  })

  // Each of these the api itself would, or might, take for the Admin API.
  test.each([
    '/api/admin/overview',
    '/api/%61dmin/overview',
    '/api/%61%64%6d%69%6e/overview',
    '//api/admin/overview',
    '/api//admin/overview',
    '/api/admin//overview',
    '/api/./admin/overview',
    '/api/x/../admin/overview',
    '/api/x/%2e%2e/admin/overview',
    '/api%2fadmin/overview',
    '/api/admin%2foverview',
    '/api/admin/overview?x=1',
    '/api/admin/overview#x',
    '/api/admin?x',
    '/api/ws/admin',
    '/api/ws/%61dmin',
    '/api//ws/admin',
    '/%61pi/ws/admin',
  ])('and not by %s either', async (path) => {
    const got = await ask(edge, path)
    expect(got.status).toBe(404)
    // nginx's own answer: the api was not asked.
    const line = await edge.lineOf(String(got.headers['x-correlation-id']))
    expect([line['status'], line['upstream']]).toEqual([404, ''])
  })

  test('the admin host has the Admin API, and nothing of the console', async () => {
    expect(await codeAt(adminHost, '/api/admin/overview')).toBe('401 unauthenticated')
    expect((await ask(edge, '/api/healthz', { host: adminHost })).status).toBe(200)
    expect(await codeAt(adminHost, '/api/agents')).toBe('404 not-found')
    expect(await codeAt(adminHost, '/api/auth/me')).toBe('404 not-found')
    expect(await codeAt(adminHost, '/api/%61uth/me')).toBe('404 not-found')
    expect(await codeAt(adminHost, '/api/admin/../agents')).toBe('404 not-found')
    expect(await codeAt(adminHost, '/sign-in')).toBe('404 not-found')
  })

  test('agents’ own origins are reserved', async () => {
    expect(await codeAt('a.agents-nora.test', '/')).toBe('404 not-found')
    expect(await codeAt('agents-nora.test', '/api/healthz')).toBe('404 not-found')
  })

  test('HTTP/2 makes no difference', async () => {
    const session = connectHttp2(`https://127.0.0.1:${edge.httpsPort}`, {
      ca: edge.ca,
      servername: publicHost,
    })
    const statusOf = async (authority: string, path: string) => {
      const stream = session.request({ ':authority': authority, ':path': path })
      const [headers] = await once(stream, 'response')
      stream.resume()
      return headers[':status']
    }
    try {
      expect(await statusOf(publicHost, '/api/healthz')).toBe(200)
      for (const path of ['/api/admin/overview', '//api/%61dmin/overview', '/admin/'])
        expect(await statusOf(publicHost, path)).toBe(404)
      expect(await statusOf('evil.example', '/api/healthz')).toBe(421)
    } finally {
      session.destroy()
    }
  })

  test('an admin signs in at the admin host, with the cookies of that host', async () => {
    const { email } = agent.owner.user!
    const body = JSON.stringify({ email, password: 'correct horse battery staple' })
    const origin = `https://${adminHost}:${edge.httpsPort}`
    const asked = { method: 'POST', host: adminHost, headers: { ...json, origin }, body }
    const got = await ask(edge, '/api/admin/auth/login', asked)
    expect(got.status, got.text).toBe(200)
    expect(String(got.headers['set-cookie'])).toContain('__Host-nora_admin_at=')
  })
})

describe('the caller’s address', () => {
  test('is the one that called, whatever the caller says about it', async () => {
    const body = JSON.stringify({ email: agent.owner.user!.email, password: 'wrong horse battery staple' })
    const spoofed = {
      'x-forwarded-for': '198.51.100.7, 127.0.0.1',
      'x-real-ip': '198.51.100.7',
      forwarded: 'for=198.51.100.7',
      'cf-connecting-ip': '198.51.100.7',
    }
    await ask(edge, '/api/auth/login', {
      method: 'POST',
      headers: { ...json, ...spoofed },
      body,
      from: '127.0.0.9',
    })
    const rows = await database.asSuperuser<{ ip: string }>(
      'select distinct host(ip) as ip from nora.audit_log where ip is not null',
    )
    const seen = rows.map(({ ip }) => ip)
    expect(seen).toContain('127.0.0.9')
    expect(seen).not.toContain('198.51.100.7')
  })
})
