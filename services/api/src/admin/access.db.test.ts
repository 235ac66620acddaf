import { randomBytes, randomUUID } from 'node:crypto'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { beforeAll, expect, test } from 'vitest'
import { claimAsAdmin } from '../testing/admin.ts'
import type { Client, Headers } from '../testing/client.ts'
import { password, testApi } from '../testing/test-api.ts'
import { adminCsrfToken } from './csrf.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
let admin: Client
const others: [string, Headers][] = []

const closed = () =>
  api.app.routeList.filter(({ url, access }) => url.startsWith('/api/admin/') && access === 'platform-admin')
const audited = async () =>
  (
    await database.asSuperuser(
      `select count(*)::int as n from nora.audit_log where event_type like 'ADMIN_%'`,
    )
  )[0]!['n']

beforeAll(async () => {
  const both = await claimAsAdmin(api)
  admin = both.admin
  const cookieOf = (who: Client): Headers => ({
    cookie: [...who.cookies].map(([name, value]) => `${name}=${value}`).join('; '),
    origin: api.origin,
    'x-csrf-token': who.csrfToken,
  })
  const tenant = await api.signUp()
  const ended = await api.anonymous.adminLogin(admin.user!.email, password)
  const cookies = cookieOf(ended)
  await ended.post('/api/admin/auth/logout', {})
  const session = { sessionId: randomUUID(), secret: randomBytes(32) }
  const claims = { userId: admin.user!.id, ...session, transport: 'cookie' as const }
  const stranger = {
    ...{ cookie: `nora_admin_at=${api.app.adminTokens.sign(claims)}`, origin: api.origin },
    'x-csrf-token': adminCsrfToken(api.deps.config, session.sessionId),
  }
  others.push(
    ['nobody', {}],
    ['a person, bearer', { authorization: `Bearer ${tenant.accessToken}` }],
    ['a person, cookie', cookieOf(await api.login(tenant.user!.email, password, 'cookie'))],
    ['the admin in the console, bearer', { authorization: `Bearer ${both.console.accessToken}` }],
    ['the admin in the console, cookie', cookieOf(await api.login(admin.user!.email, password, 'cookie'))],
    ['a hub key', { authorization: `Bearer nora_hub_${'a'.repeat(10)}_${'b'.repeat(40)}_cccccc` }],
    ['an admin session that was ended', cookies],
    ['an admin session that never was', stranger],
  )
})

test('the whole tree is there, and each of its routes asks for an admin session', () => {
  expect(
    closed()
      .map(({ method, url }) => `${method} ${url}`)
      .filter((name) => !name.startsWith('HEAD'))
      .sort(),
  ).toEqual([
    'GET /api/admin/agents',
    'GET /api/admin/audit',
    'GET /api/admin/audit/chain',
    'GET /api/admin/audit/export',
    'GET /api/admin/auth/me',
    'GET /api/admin/backups',
    'GET /api/admin/keys',
    'GET /api/admin/overview',
    'GET /api/admin/queue',
    'GET /api/admin/settings',
    'GET /api/admin/users',
    'GET /api/admin/users/:id',
    'GET /api/admin/workers',
    'PATCH /api/admin/users/:id',
    'POST /api/admin/auth/second-factor/options',
    'POST /api/admin/auth/second-factor/passkey',
    'POST /api/admin/auth/second-factor/recovery-code',
    'POST /api/admin/auth/step-up',
    'POST /api/admin/queue/:id/cancel',
    'POST /api/admin/queue/:id/retry',
    'POST /api/admin/users/:id/sign-out',
    'POST /api/admin/ws-tickets',
  ])
  expect(api.app.routeList.filter(({ access }) => access === 'platform-admin')).toHaveLength(closed().length)
})

test('nobody but an admin in an admin session is answered by any of them, and nothing is read for them', async () => {
  const before = await audited()
  let asked = 0
  for (const { method, url } of closed()) {
    const path = url.replace(':id', admin.user!.id)
    const body = method === 'GET' || method === 'HEAD' ? {} : { body: {} }
    for (const [who, headers] of others) {
      const answer = await api.anonymous.request(method, path, { ...body, headers })
      expect(answer.status, `${method} ${url} by ${who}`).toBe(401)
      asked++
    }
  }
  expect(asked).toBeGreaterThan(120)
  expect(await audited()).toBe(before)
})

test('each answers the admin, and every read across tenants leaves a row that says what was asked', async () => {
  const reads = {
    '/users?q=us&limit=1': ['users', { q: 'us', limit: 1 }],
    [`/users/${admin.user!.id}`]: ['user', { id: admin.user!.id }],
    '/agents?state=running': ['agents', { state: 'running', limit: 50 }],
    '/queue?status=open': ['queue', { status: 'open', limit: 50 }],
    '/workers': ['workers', { limit: 50 }],
    '/audit?type=SIGNED_IN': ['audit', { type: 'SIGNED_IN', limit: 50 }],
    '/audit/export?format=csv': ['audit export', { format: 'csv' }],
    '/settings': ['settings', {}],
    '/keys': ['keys', {}],
  }
  for (const [path, [what, how]] of Object.entries(reads)) {
    const answer = await admin.get(`/api/admin${path}`)
    expect(answer.status, `${path} ${answer.text}`).toBe(200)
    const [row] = await database.asSuperuser(
      `select target_kind, details, actor_id, correlation_id from nora.audit_log where event_type = 'ADMIN_READ' order by seq desc limit 1`,
    )
    expect(row, path).toEqual({
      ...{ target_kind: what, details: how, actor_id: admin.user!.id },
      correlation_id: answer.headers.get('x-correlation-id'),
    })
  }
  expect((await admin.get('/api/admin/backups')).body).toMatchObject({ available: false, items: [] })
  expect((await admin.get('/api/admin/auth/me')).status).toBe(200)
})
