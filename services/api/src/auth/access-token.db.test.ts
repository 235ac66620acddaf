import { createHmac, randomUUID } from 'node:crypto'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { describe, expect, test } from 'vitest'
import { startApi, testApi } from '../testing/test-api.ts'

const database = testDatabase()
const redis = testRedis()
const keys = [
  `${'a'.repeat(20)}first-secret-of-the-list`,
  `${'b'.repeat(20)}second-secret-of-the-list`,
] as const
const api = testApi(database, redis, { config: { jwtSecrets: [keys[0]] } })

const b64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const sign = (header: object, claims: object, key: string, hash = 'sha256') => {
  const text = `${b64(header)}.${b64(claims)}`
  return `${text}.${createHmac(hash, key).update(text).digest('base64url')}`
}
const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())
const HS256 = { alg: 'HS256', typ: 'JWT' }

describe('an access token', () => {
  test('that we signed ourselves is good, so that the others fail for their own reason', async () => {
    const user = await api.signUp()
    user.accessToken = sign(HS256, claimsOf(user.accessToken!), keys[0])
    expect((await user.get('/api/auth/me')).status).toBe(200)
  })

  test('carries no role, no address, and lives for ten minutes', async () => {
    const user = await api.signUp()
    const claims = claimsOf(user.accessToken!)
    expect(Object.keys(claims).sort()).toEqual([
      'aud',
      'exp',
      'iat',
      'iss',
      'jti',
      'sec',
      'sid',
      'sub',
      'via',
    ])
    expect(claims.exp - claims.iat).toBe(600)
  })

  const now = () => Math.floor(Date.now() / 1000)
  type Claims = Record<string, unknown>
  const forgeries: [string, (claims: Claims, token: string) => string][] = [
    ['alg none', (c) => `${b64({ alg: 'none' })}.${b64(c)}.`],
    ['alg none with a signature', (c, t) => `${b64({ alg: 'none' })}.${b64(c)}.${t.split('.')[2]}`],
    ['alg NONE', (c) => `${b64({ alg: 'NONE' })}.${b64(c)}.AAAA`],
    ['another key', (c) => sign(HS256, c, 'x'.repeat(40))],
    ['an empty key', (c) => sign(HS256, c, '')],
    ['HS512 with the right key', (c) => sign({ alg: 'HS512', typ: 'JWT' }, c, keys[0], 'sha512')],
    ['RS256 over the secret', (c) => sign({ alg: 'RS256', typ: 'JWT' }, c, keys[0])],
    ['a key of its own in the header', (c) => sign({ ...HS256, jwk: { kty: 'oct', k: 'AAAA' } }, c, 'AAAA')],
    ['its time over', (c) => sign(HS256, { ...c, iat: now() - 700, exp: now() - 1 }, keys[0])],
    ['no end', (c) => sign(HS256, { ...c, exp: undefined }, keys[0])],
    ['an end that is text', (c) => sign(HS256, { ...c, exp: '9999999999' }, keys[0])],
    ['another issuer', (c) => sign(HS256, { ...c, iss: 'evil' }, keys[0])],
    ['another audience', (c) => sign(HS256, { ...c, aud: 'admin' }, keys[0])],
    ['no audience', (c) => sign(HS256, { ...c, aud: undefined }, keys[0])],
    [
      'a changed subject',
      (c, t) => [t.split('.')[0], b64({ ...c, sub: randomUUID() }), t.split('.')[2]].join('.'),
    ],
    ['a changed signature', (_, t) => `${t.slice(0, -5)}${t.slice(-5) === 'AAAAA' ? 'BBBBB' : 'AAAAA'}`],
    ['no signature', (_, t) => `${t.split('.').slice(0, 2).join('.')}.`],
    [
      'the right signature but another session secret',
      (c) => sign(HS256, { ...c, sec: 'A'.repeat(43) }, keys[0]),
    ],
    ['a session that is none', (c) => sign(HS256, { ...c, sid: randomUUID() }, keys[0])],
    ['a session id that is no UUID', (c) => sign(HS256, { ...c, sid: "' or 1=1" }, keys[0])],
    ['a secret that is a number', (c) => sign(HS256, { ...c, sec: 5 }, keys[0])],
  ]
  test.each(forgeries)('with %s is refused', async (_, forge) => {
    const user = await api.signUp()
    user.accessToken = forge(claimsOf(user.accessToken!), user.accessToken!)
    const answer = await user.get('/api/auth/me')
    expect([answer.status, answer.body.code]).toEqual([401, 'unauthenticated'])
  })
})

test('JWT_SECRET as a list: the first signs, all verify, and a secret taken off verifies no more', async () => {
  const rotated = await startApi(database, redis, { config: { jwtSecrets: [keys[1], keys[0]] } })
  const later = await startApi(database, redis, { config: { jwtSecrets: [keys[1]] } })
  try {
    const user = await api.signUp()
    const me = (url: string, token: string | undefined) =>
      fetch(`${url}/api/auth/me`, { headers: { authorization: `Bearer ${token}` } }).then(
        ({ status }) => status,
      )
    expect(await me(rotated.url, user.accessToken)).toBe(200)
    expect(await me(later.url, user.accessToken)).toBe(401)
    const refreshed = await rotated.anonymous.post('/api/auth/refresh', { refreshToken: user.refreshToken })
    expect(await me(later.url, refreshed.body.accessToken)).toBe(200)
  } finally {
    await rotated.close()
    await later.close()
  }
})

test('the session secret is bound to its session: one’s secret with another’s id is refused', async () => {
  const [one, two] = [await api.signUp(), await api.signUp()]
  const claims = claimsOf(one.accessToken!)
  one.accessToken = sign(HS256, { ...claims, sid: claimsOf(two.accessToken!).sid }, keys[0])
  expect((await one.get('/api/auth/me')).status).toBe(401)
})
