import { createHmac, randomUUID } from 'node:crypto'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { describe, expect, test } from 'vitest'
import { testApi } from '../testing/test-api.ts'

const key = `${'a'.repeat(20)}only-secret-of-this-test`
const api = testApi(testDatabase(), testRedis(), { config: { jwtSecrets: [key] } })

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
    user.accessToken = sign(HS256, claimsOf(user.accessToken!), key)
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
    ['HS512 with the right key', (c) => sign({ alg: 'HS512', typ: 'JWT' }, c, key, 'sha512')],
    ['RS256 over the secret', (c) => sign({ alg: 'RS256', typ: 'JWT' }, c, key)],
    ['a key of its own in the header', (c) => sign({ ...HS256, jwk: { kty: 'oct', k: 'AAAA' } }, c, 'AAAA')],
    ['its time over', (c) => sign(HS256, { ...c, iat: now() - 700, exp: now() - 1 }, key)],
    ['no end', (c) => sign(HS256, { ...c, exp: undefined }, key)],
    ['an end that is text', (c) => sign(HS256, { ...c, exp: '9999999999' }, key)],
    ['another issuer', (c) => sign(HS256, { ...c, iss: 'evil' }, key)],
    ['another audience', (c) => sign(HS256, { ...c, aud: 'admin' }, key)],
    ['no audience', (c) => sign(HS256, { ...c, aud: undefined }, key)],
    [
      'a changed subject',
      (c, t) => [t.split('.')[0], b64({ ...c, sub: randomUUID() }), t.split('.')[2]].join('.'),
    ],
    ['a changed signature', (_, t) => `${t.slice(0, -5)}${t.slice(-5) === 'AAAAA' ? 'BBBBB' : 'AAAAA'}`],
    ['no signature', (_, t) => `${t.split('.').slice(0, 2).join('.')}.`],
    [
      'the right signature but another session secret',
      (c) => sign(HS256, { ...c, sec: 'A'.repeat(43) }, key),
    ],
    ['a session that is none', (c) => sign(HS256, { ...c, sid: randomUUID() }, key)],
    ['a session id that is no UUID', (c) => sign(HS256, { ...c, sid: "' or 1=1" }, key)],
    ['a secret that is a number', (c) => sign(HS256, { ...c, sec: 5 }, key)],
  ]
  test.each(forgeries)('with %s is refused', async (_, forge) => {
    const user = await api.signUp()
    user.accessToken = forge(claimsOf(user.accessToken!), user.accessToken!)
    const answer = await user.get('/api/auth/me')
    expect([answer.status, answer.body.code]).toEqual([401, 'unauthenticated'])
  })
})

test('the session secret is bound to its session: one’s secret with another’s id is refused', async () => {
  const [one, two] = [await api.signUp(), await api.signUp()]
  const claims = claimsOf(one.accessToken!)
  one.accessToken = sign(HS256, { ...claims, sid: claimsOf(two.accessToken!).sid }, key)
  expect((await one.get('/api/auth/me')).status).toBe(401)
})
