import { problemTitles } from '@nora/contract/problem-titles'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { type FastifyInstance, type FastifyRequest, fastify } from 'fastify'
import { Type } from 'typebox'
import { describe, expect, test } from 'vitest'
import { testApi } from '../testing/test-api.ts'
import type { RouteConfig } from './access.ts'
import { installEdge, serverOptions } from './edge.ts'
import { readOnce } from './sessions.ts'

const api = testApi(testDatabase(), testRedis())
const anyId = '00000000-0000-4000-8000-000000000000'
const concrete = (url: string) => url.replace(/:\w+/g, anyId).replace('*', 'x')

describe('a route', () => {
  const boot = async (
    config: RouteConfig | undefined,
    schema: object | undefined,
    method: 'GET' | 'POST' = 'GET',
  ) => {
    const app = fastify(serverOptions(api.deps))
    await installEdge(app as unknown as FastifyInstance, api.deps)
    app.route({
      method,
      url: '/x',
      ...(config && { config }),
      ...(schema && { schema }),
      handler: async () => ({}),
    })
    await app.ready()
    await app.close()
  }
  const response = { 200: Type.Object({}) }

  test('with everything declared boots', async () => {
    await boot({ access: 'public' }, { response })
    await boot({ access: 'agent:create', idempotency: 'answer' }, { response }, 'POST')
  })
  test('without access does not boot', async () => {
    await expect(boot(undefined, { response })).rejects.toThrow('GET /x declares no access')
    await expect(boot({}, { response })).rejects.toThrow('declares no access')
  })
  test('without response schema does not boot', async () => {
    await expect(boot({ access: 'public' }, undefined)).rejects.toThrow('declares no response schema')
  })
  test('that lets unknown fields in does not boot, however deep', async () => {
    const inner = Type.Object({ a: Type.String() })
    for (const body of [inner, Type.Object({ list: Type.Array(inner) }, { additionalProperties: false })]) {
      await expect(boot({ access: 'public' }, { body, response }, 'POST')).rejects.toThrow(
        'additionalProperties',
      )
    }
  })
  test('that posts for somebody and says nothing about repeats does not boot', async () => {
    await expect(boot({ access: 'session' }, { response }, 'POST')).rejects.toThrow('Idempotency-Key')
  })
})

describe('a route that reads once', () => {
  const build = async (handler: (request: FastifyRequest) => Promise<unknown>) => {
    const app = fastify(serverOptions(api.deps)) as unknown as FastifyInstance
    await installEdge(app, api.deps)
    const schema = { response: { 200: Type.Object({}) } }
    app.get('/x', { config: { access: 'agent:read', oneRead: true }, schema, handler })
    return app
  }
  const asAda = async (app: FastifyInstance) => {
    const ada = await api.signUp()
    return app.inject({ url: '/x', headers: { authorization: `Bearer ${ada.accessToken}` } })
  }
  const read = { statement: { name: 'one', text: 'select 1' }, values: [] }

  test('answers after its read', async () => {
    const app = await build(async (request) => {
      expect(String(await readOnce(api.deps, request, read))).toBe('1')
      return { role: request.actor.role }
    })
    expect((await asAda(app)).statusCode).toBe(200)
    expect((await app.inject({ url: '/x' })).statusCode).toBe(401)
  })
  test('answers nobody without it, and knows nobody before it', async () => {
    expect((await asAda(await build(async () => ({ secret: 1 })))).json()).toMatchObject({ code: 'internal' })
    const early = await build(async (request) => ({ role: request.actor.role }))
    expect((await asAda(early)).statusCode).toBe(500)
  })
})

describe('every route of the api', () => {
  test('is listed, with access and response schemas', () => {
    expect(api.app.routeList.length).toBeGreaterThan(15)
    for (const route of api.app.routeList) {
      expect(route, route.url).toMatchObject({
        access: expect.any(String),
        schema: { response: expect.any(Object) },
      })
      expect(route.url).toMatch(/^\/api\//)
    }
  })

  test('that is not public refuses a caller without a session, whatever the body', async () => {
    const closed = api.app.routeList.filter(({ access }) => access !== 'public')
    expect(closed.length).toBeGreaterThan(6)
    for (const { method, url } of closed) {
      const mutation = !['GET', 'HEAD', 'OPTIONS', 'TRACE'].includes(method)
      if (method === 'TRACE' || method === 'CONNECT') continue // fetch cannot send them
      const answer = await api.anonymous.request(method, concrete(url), mutation ? { body: { x: 1 } } : {})
      expect(answer.status, `${method} ${url}`).toBe(401)
      if (method !== 'HEAD') expect(answer.body.code).toBe('unauthenticated')
    }
  })

  test('is open to nobody by being public, but those we name', () => {
    const open = api.app.routeList.filter(({ access, method }) => access === 'public' && method !== 'HEAD')
    expect(open.map(({ method, url }) => `${method} ${url}`).sort()).toEqual([
      'GET /api/auth/bootstrap-status',
      'GET /api/auth/oauth',
      'GET /api/auth/oauth/:provider/callback',
      'GET /api/auth/oauth/:provider/start',
      'GET /api/auth/signup-options',
      'GET /api/healthz',
      'GET /api/openapi.json',
      'GET /api/readyz',
      'POST /api/admin/auth/login',
      'POST /api/admin/auth/logout',
      'POST /api/admin/auth/refresh',
      'POST /api/auth/login',
      'POST /api/auth/login/passkey',
      'POST /api/auth/login/passkey/options',
      'POST /api/auth/login/recovery-code',
      'POST /api/auth/logout',
      'POST /api/auth/refresh',
      'POST /api/auth/signup',
    ])
  })

  test('stands in openapi.json with its access, and nothing else does', async () => {
    const { body } = await api.anonymous.get('/api/openapi.json')
    type Operation = Record<string, unknown> & { responses: Record<string, { content?: object }> }
    const operations = Object.entries(body.paths as Record<string, Record<string, Operation>>).flatMap(
      ([path, methods]) =>
        Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
    )
    const documented = operations.map(({ path, method }) => `${method.toUpperCase()} ${path}`)
    const served = api.app.routeList
      .filter(({ method }) => ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].includes(method))
      .map(({ method, url }) => `${method} ${url.replace(/:(\w+)/g, '{$1}').replace('*', '{path}')}`)
    expect(
      documented.filter((name) => !name.startsWith('HEAD') && !name.startsWith('OPTIONS')).sort(),
    ).toEqual(served.sort())
    for (const { path, operation } of operations) {
      expect(operation, path).toHaveProperty('x-nora-access')
      expect(operation.security, path).toBeDefined()
      expect(JSON.stringify(operation.responses['4XX']), path).toContain('#/components/schemas/Problem')
    }
    expect(body.components.schemas).toHaveProperty('Problem')
  })
})

describe('an answer', () => {
  test('has its own correlation id and never the caller’s', async () => {
    const seen = new Set<string | null>()
    for (const path of ['/api/healthz', '/api/auth/me', '/api/nothing']) {
      const answer = await api.anonymous.get(path, {
        'x-correlation-id': 'mine',
        'x-request-id': 'mine',
        'request-id': 'mine',
      })
      const id = answer.headers.get('x-correlation-id')
      expect(id).toMatch(/^[0-9a-f-]{36}$/)
      if (answer.status >= 400) expect(answer.body.correlationId).toBe(id)
      seen.add(id)
    }
    expect(seen.size).toBe(3)
  })

  test('has the headers that keep a browser from doing more with it than reading', async () => {
    const { headers } = await api.anonymous.get('/api/auth/me')
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('x-frame-options')).toBe('DENY')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('x-powered-by')).toBeNull()
    expect(headers.get('server')).toBeNull()
  })

  test('to an unknown address is a problem; to a wrong method it names the right ones', async () => {
    const absent = await api.anonymous.get('/api/nothing')
    expect(absent.headers.get('content-type')).toContain('application/problem+json')
    expect(absent.body).toEqual({
      type: 'urn:nora:problem:not-found',
      title: problemTitles['not-found'],
      status: 404,
      code: 'not-found',
      correlationId: absent.headers.get('x-correlation-id'),
    })
    const wrong = await api.anonymous.request('PUT', '/api/auth/login', { body: {} })
    expect([wrong.status, wrong.body.code, wrong.headers.get('allow')]).toEqual([
      405,
      'method-not-allowed',
      'POST',
    ])
    expect((await api.anonymous.get('/api/auth/login')).status).toBe(405)
    for (const path of ['/', '/api', '/api/', '/api/auth/../../etc/passwd', '/api//auth/me']) {
      expect((await api.anonymous.get(path)).status, path).toBe(404)
    }
  })
})
