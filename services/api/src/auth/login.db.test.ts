import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { describe, expect, test } from 'vitest'
import { password, testApi } from '../testing/test-api.ts'

const database = testDatabase()
const redis = testRedis()
const api = testApi(database, redis)
const https = testApi(database, redis, { config: { publicUrl: 'https://nora.example.test' } })

describe('signing in', () => {
  test('with bearer gives tokens and sets no cookie', async () => {
    const user = await api.signUp()
    const answer = await api.anonymous.post('/api/auth/login', {
      email: user.user!.email,
      password,
      transport: 'bearer',
    })
    expect(answer.cookies).toEqual([])
    expect(answer.body).toMatchObject({ user: user.user, expiresIn: 600 })
    expect(answer.body.accessToken.split('.')).toHaveLength(3)
    expect(answer.headers.get('cache-control')).toBe('no-store')
  })

  test('sets cookies that scripts cannot read, and no token in the answer', async () => {
    const { user } = await https.signUp()
    const answer = await https.anonymous.post('/api/auth/login', { email: user!.email, password })
    expect(Object.keys(answer.body).sort()).toEqual(['csrfToken', 'user'])
    const [access, refresh] = answer.cookies
    expect(access).toMatch(/^__Host-nora_at=[\w.-]+; Max-Age=600; Path=\/; HttpOnly; Secure; SameSite=Lax$/)
    expect(refresh).toMatch(
      /^__Host-nora_rt=[\w.-]+; Max-Age=86400; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    )
    expect(answer.cookies.join()).not.toMatch(/domain/i)
  })

  test('on http://localhost uses plain names, without Secure', async () => {
    const user = await api.signUp({ transport: 'cookie' })
    expect([...user.cookies.keys()]).toEqual(['nora_at', 'nora_rt'])
  })

  test('says the same for a wrong password, an unknown address and a disabled account', async () => {
    const { user } = await api.signUp()
    const gone = await api.signUp()
    await database.asSuperuser('update nora.users set disabled_at = now() where id = $1', [gone.user!.id])
    const attempt = (email: string, given: string) =>
      api.anonymous.post('/api/auth/login', { email, password: given })
    const answers = [
      await attempt(user!.email, 'not the password'),
      await attempt('unknown@nora.test', password),
      await attempt(gone.user!.email, password),
    ]
    for (const { status, body, cookies } of answers) {
      expect([status, body.code, cookies]).toEqual([401, 'invalid-credentials', []])
      expect({ ...body, correlationId: '' }).toEqual({ ...answers[0]!.body, correlationId: '' })
    }
  })

  test('writes an audit row for both outcomes, without the password', async () => {
    const { user } = await api.signUp()
    await api.anonymous.post('/api/auth/login', { email: user!.email, password: 'my secret guess' })
    const rows = await database.asSuperuser<{ event_type: string; ip: string; row: string }>(
      `select event_type, host(ip) as ip, a::text as row from nora.audit_log a
       where actor_id = $1 or target_id = $1 order by seq`,
      [user!.id],
    )
    expect(rows.map((row) => row.event_type)).toEqual(expect.arrayContaining(['SIGNED_IN', 'SIGN_IN_FAILED']))
    expect(rows.map((row) => row.ip)).toEqual(rows.map(() => '127.0.0.1'))
    expect(rows.map((row) => row.row).join()).not.toContain('secret guess')
  })
})

describe('a cookie session', () => {
  const cases: [string, Record<string, string | undefined>, number][] = [
    ['all in order', {}, 204],
    ['a browser of ours', { 'sec-fetch-site': 'same-origin' }, 204],
    ['no token', { 'x-csrf-token': undefined }, 403],
    ['a wrong token', { 'x-csrf-token': 'AAAA' }, 403],
    ['no Origin', { origin: undefined }, 403],
    ['Origin null', { origin: 'null' }, 403],
    ['a foreign Origin', { origin: 'https://evil.test' }, 403],
    ['an Origin that begins like ours', { origin: 'http://localhost:8080.evil.test' }, 403],
    ['our host on another port', { origin: 'http://localhost:8081' }, 403],
    ['our host with another scheme', { origin: 'https://localhost:8080' }, 403],
    ['a cross-site fetch', { 'sec-fetch-site': 'cross-site' }, 403],
    ['a same-site fetch', { 'sec-fetch-site': 'same-site' }, 403],
  ]
  test.each(cases)('mutates with %s', async (_, headers, status) => {
    const user = await api.signUp({ transport: 'cookie' })
    const answer = await user.post('/api/auth/logout', undefined, headers)
    expect(answer.status).toBe(status)
    if (status === 403) expect(answer.body.code).toBe('csrf-failed')
    expect((await user.get('/api/auth/me')).status).toBe(status === 403 ? 200 : 401)
  })

  test("another session's token is refused", async () => {
    const user = await api.signUp({ transport: 'cookie' })
    const other = await api.signUp({ transport: 'cookie' })
    const answer = await user.post('/api/auth/logout', undefined, { 'x-csrf-token': other.csrfToken })
    expect(answer.body.code).toBe('csrf-failed')
  })

  test('reads without Origin or token', async () => {
    const user = await api.signUp({ transport: 'cookie' })
    expect((await user.get('/api/auth/me', { origin: 'https://evil.test' })).status).toBe(200)
  })

  test('a page of somebody else cannot sign a visitor in', async () => {
    const { user } = await api.signUp()
    const answer = await api.anonymous.post(
      '/api/auth/login',
      { email: user!.email, password },
      { origin: 'https://evil.test' },
    )
    expect([answer.status, answer.body.code, answer.cookies]).toEqual([403, 'csrf-failed', []])
  })

  test('its access token is no bearer token', async () => {
    const user = await api.signUp({ transport: 'cookie' })
    const answer = await api.anonymous.get('/api/auth/me', {
      authorization: `Bearer ${user.cookies.get('nora_at')}`,
    })
    expect(answer.status).toBe(401)
  })
})

describe('a bearer session', () => {
  test('mutates without Origin or token', async () => {
    const user = await api.signUp()
    expect((await user.post('/api/auth/logout')).status).toBe(204)
    expect((await user.get('/api/auth/me')).status).toBe(401)
  })

  test('with our cookie beside it is refused, with a stranger’s cookie it is not', async () => {
    const user = await api.signUp()
    for (const cookie of ['nora_at=x', 'nora_rt=x', 'a=b; nora_at=']) {
      const answer = await user.get('/api/auth/me', { cookie })
      expect([answer.status, answer.body.code]).toEqual([400, 'conflicting-credentials'])
    }
    expect((await user.get('/api/auth/me', { cookie: 'theme=dark' })).status).toBe(200)
  })

  test('its access token is no cookie', async () => {
    const user = await api.signUp()
    const answer = await api.anonymous.get('/api/auth/me', { cookie: `nora_at=${user.accessToken}` })
    expect(answer.status).toBe(401)
  })

  test.each([
    'Basic dTpw',
    'Bearer',
    'Bearer ',
    'Bearer a b',
    'nora_hub_x',
    'Bearer nora_hub_0123456789_abc',
  ])('Authorization: %s is nobody', async (authorization) => {
    const answer = await api.anonymous.get('/api/auth/me', { authorization })
    expect([answer.status, answer.body.code]).toEqual([401, 'unauthenticated'])
  })
})
