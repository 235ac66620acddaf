import { connect } from '@nora/db/connect'
import { ownMs } from '@nora/testing/own-time'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { type FastifyInstance, fastify } from 'fastify'
import { Type } from 'typebox'
import { describe, expect, test } from 'vitest'
import { password, startApi, testApi } from '../testing/test-api.ts'
import { installEdge, serverOptions } from './edge.ts'

const database = testDatabase()
const redis = testRedis()

test('without Postgres every answer is a bare 503, and the log knows why', async () => {
  const good = await startApi(database, redis)
  const user = await good.signUp()
  const db = connect({
    databaseUrl: unreachable(database.appUrl),
    applicationName: 'test',
    onError: () => undefined,
  })
  const api = await startApi(database, redis, {
    config: { jwtSecrets: good.deps.config.jwtSecrets },
    deps: { db },
  })
  try {
    const headers = { authorization: `Bearer ${user.accessToken}` }
    const answers = [
      await api.anonymous.get('/api/auth/bootstrap-status'),
      await api.anonymous.get('/api/auth/me', headers),
      await api.anonymous.get('/api/workspaces', headers),
      await api.anonymous.post('/api/auth/login', { email: 'a@nora.test', password }),
      await api.anonymous.post('/api/auth/refresh', { refreshToken: user.refreshToken }),
    ]
    for (const { status, body, text, headers } of answers) {
      expect(status).toBe(503)
      expect(Object.keys(body).sort()).toEqual(['code', 'correlationId', 'status', 'title', 'type'])
      expect(body.code).toBe('unavailable')
      expect(text).not.toMatch(/ECONN|127\.0\.0\.1|:1\b|postgres|kysely|at /i)
      expect(headers.get('x-correlation-id')).toBe(body.correlationId)
      expect(api.logged.join('\n')).toContain(body.correlationId)
    }
    expect(api.logged.join('\n')).toContain('ECONNREFUSED')
    expect(api.logged.join('\n')).not.toContain(user.accessToken)
    expect(api.logged.join('\n')).not.toContain(user.refreshToken)
    expect((await api.anonymous.get('/api/healthz')).status).toBe(200)
    const ready = await api.anonymous.get('/api/readyz')
    expect([ready.status, ready.body.missing]).toEqual([503, ['postgres']])
  } finally {
    await api.close()
    await good.close()
    await db.destroy()
  }
})

test('what nobody expected is a bare 500, and the log knows why', async () => {
  const api = await startApi(database, redis)
  const server = fastify(serverOptions(api.deps))
  await installEdge(server as unknown as FastifyInstance, api.deps)
  const failure = new Error('relation "nora.secrets" at /srv/nora/db.ts', {
    cause: new Error('the inner reason'),
  })
  const thrown = [
    failure,
    Object.assign(new Error('of another library'), { statusCode: 404 }),
    Object.assign(new Error('x'), { status: 418 }),
  ]
  for (const [n, error] of thrown.entries()) {
    const options = { config: { access: 'public' }, schema: { response: { 200: Type.Object({}) } } } as const
    server.get(`/x${n}`, options, () => Promise.reject(error))
  }
  try {
    for (const n of thrown.keys()) {
      const answer = await server.inject({ url: `/x${n}` })
      expect(answer.statusCode).toBe(500)
      expect(Object.keys(answer.json()).sort()).toEqual(['code', 'correlationId', 'status', 'title', 'type'])
      expect(answer.body).not.toMatch(/nora\.secrets|srv|inner/)
      expect(api.logged.join('\n')).toContain(answer.json().correlationId)
    }
    expect(api.logged.join('\n')).toContain('the inner reason')
  } finally {
    await server.close()
    await api.close()
  }
})

describe('without a Redis', () => {
  const api = testApi(database, redis, {
    rateLimits: { global: { max: 60, windowMs: 600_000 } },
    config: { redisPatience: undefined },
  })

  test('sign-in and sign-up fail closed, the rest is counted in memory, and all heals', async () => {
    const user = await api.signUp()
    await redis.server.stop()
    await waitUntil('the connection to be seen as lost', () => api.deps.redis.status !== 'ready')
    for (const path of ['/api/auth/login', '/api/auth/signup']) {
      const answer = await api.anonymous.post(path, { email: user.user!.email, password })
      expect([answer.status, answer.body.code]).toEqual([503, 'unavailable'])
    }
    const change = await user.patch('/api/auth/password', {
      currentPassword: password,
      newPassword: `${password}!`,
    })
    expect(change.status).toBe(503)
    expect((await user.get('/api/auth/me')).status).toBe(200)
    expect((await user.post('/api/auth/refresh', { refreshToken: user.refreshToken })).status).toBe(200)
    expect((await api.anonymous.get('/api/readyz')).body.missing).toContain('redis')
    const statuses = []
    for (let n = 0; n < 70; n++) statuses.push((await user.get('/api/auth/me')).status)
    expect(statuses.at(-1)).toBe(429)
    await redis.restart()
    await waitUntil('Redis to be used again', () => api.deps.redis.status === 'ready')
    const again = await waitUntil('sign-in to work again', () => api.login(user.user!.email, password))
    expect(again.user).toEqual(user.user)
  })
})

describe('with a Redis that hangs', () => {
  const api = testApi(database, redis, { config: { redisPatience: undefined } })

  test('nobody waits long: a read is answered from memory, sign-in is refused', async () => {
    const user = await api.signUp()
    process.kill(redis.server.pid, 'SIGSTOP')
    try {
      // Of these each would wait a quarter of a second, if any but the first waited.
      const read = async () => {
        for (let n = 0; n < 100; n++) expect((await user.get('/api/auth/me')).status).toBe(200)
      }
      expect(await ownMs(read)).toBeLessThan(15_000)
      const answer = await api.anonymous.post('/api/auth/login', { email: user.user!.email, password })
      expect([answer.status, answer.body.code]).toEqual([503, 'unavailable'])
    } finally {
      process.kill(redis.server.pid, 'SIGCONT')
    }
    const again = await waitUntil('sign-in to work again', () => api.login(user.user!.email, password))
    expect(again.user).toEqual(user.user)
  })
})

function unreachable(url: string): string {
  const result = new URL(url)
  result.port = '1'
  result.hostname = '127.0.0.1'
  return result.href
}
