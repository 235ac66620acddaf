import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { describe, expect, test } from 'vitest'
import type { RequestOptions } from '../testing/client.ts'
import { sendRaw } from '../testing/raw.ts'
import { password, testApi } from '../testing/test-api.ts'

const api = testApi(testDatabase(), testRedis())
const json = { 'content-type': 'application/json' }
const account = { email: 'a@nora.test', password }

describe('a body', () => {
  const raw = (text: string | Uint8Array<ArrayBuffer>, type = 'application/json'): RequestOptions => ({
    raw: text,
    headers: { 'content-type': type },
  })
  const cases: [string, RequestOptions, number, string][] = [
    ['of broken JSON', raw('{"email":'), 400, 'bad-request'],
    ['of nothing where one is needed', {}, 400, 'bad-request'],
    ['of no bytes, said to be JSON', raw(''), 400, 'bad-request'],
    ['that is a list', raw('[]'), 400, 'bad-request'],
    ['that is null', raw('null'), 400, 'bad-request'],
    ['that is text', raw('"x"'), 400, 'bad-request'],
    ['with a NUL in a value', { body: { ...account, name: 'a\0b' } }, 400, 'bad-request'],
    ['with a NUL in a name', raw('{"email\\u0000":1}'), 400, 'bad-request'],
    [
      'with half a surrogate pair',
      raw(`{"email":"a@nora.test","password":"${'\\ud800'.repeat(12)}"}`),
      400,
      'bad-request',
    ],
    ['nested 100,000 deep', raw(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`), 400, 'bad-request'],
    ['nested 100 deep', raw(`{"a":${'{"a":'.repeat(100)}1${'}'.repeat(100)}}`), 400, 'bad-request'],
    ['of 30,000 values', raw(`{"a":[${'0,'.repeat(30_000)}0]}`), 400, 'bad-request'],
    ['with __proto__', raw('{"__proto__":{"admin":true}}'), 400, 'bad-request'],
    ['with __proto__ further in', raw('{"name":{"x":[{"__proto__":1}]}}'), 400, 'bad-request'],
    ['with __proto__ spelt otherwise', raw('{"\\u005f_proto_\\u005f":{"admin":true}}'), 400, 'bad-request'],
    ['with constructor.prototype', raw('{"constructor":{"prototype":{"admin":true}}}'), 400, 'bad-request'],
    [
      'with bytes that are no UTF-8',
      raw(new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])),
      400,
      'bad-request',
    ],
    ['with an unknown field', { body: { ...account, role: 'owner' } }, 400, 'bad-request'],
    ['with a number for text', { body: { ...account, email: 5 } }, 400, 'bad-request'],
    ['with true for text', { body: { ...account, password: true } }, 400, 'bad-request'],
    ['with null for text', { body: { ...account, name: null } }, 400, 'bad-request'],
    ['larger than 256 KiB', { body: { ...account, name: 'x'.repeat(256 * 1024) } }, 413, 'payload-too-large'],
    ['of a form', raw('email=a', 'application/x-www-form-urlencoded'), 415, 'unsupported-media-type'],
    ['of text/plain', raw(JSON.stringify(account), 'text/plain'), 415, 'unsupported-media-type'],
    ['of multipart', raw('--x--', 'multipart/form-data; boundary=x'), 415, 'unsupported-media-type'],
    ['of a type that is none', raw('{}', 'nonsense'), 415, 'unsupported-media-type'],
  ]
  test.each(cases)('%s is refused', async (_, options, status, code) => {
    const answer = await api.anonymous.request('POST', '/api/auth/signup', options)
    expect([answer.status, answer.body?.code]).toEqual([status, code])
    expect(answer.headers.get('content-type')).toContain('application/problem+json')
    expect(answer.headers.get('ratelimit-limit')).not.toBeNull()
    expect(answer.text).not.toMatch(/nora\.test|correct horse|at \w+ \(|node_modules/)
  })
})

describe('an address', () => {
  test.each([
    '/api/auth/me?x=%00',
    '/api/workspaces/%00',
    '/api/workspaces/%zz',
    '/api/workspaces/%ff%fe',
    `/api/workspaces/${'a'.repeat(5000)}`,
    "/api/workspaces/' or 1=1",
    '/api/auth/sessions?limit=abc&cursor[]=1',
  ])('%s never becomes a fault', async (path) => {
    const user = await api.signUp()
    const answer = await user.get(path)
    expect(answer.status).toBeLessThan(500)
    expect(answer.headers.get('x-correlation-id')).toMatch(/^[0-9a-f-]{36}$/)
    if (answer.status >= 400) expect(answer.headers.get('content-type')).toContain('application/problem+json')
  })

  test.each([
    'nora_at=%E0%A4%A',
    'nora_at',
    '=',
    ';;;',
    `nora_at=${'x'.repeat(8000)}`,
    'nora_at="; nora_rt=',
    '__proto__=x',
  ])('the cookie %s is nobody', async (cookie) => {
    expect((await api.anonymous.get('/api/auth/me', { cookie })).status).toBe(401)
  })

  test('X-Nora-Workspace that is no id is like one that is not there', async () => {
    const user = await api.signUp()
    const { id } = (await user.get('/api/workspaces')).body.items[0]
    for (const header of ['x', '../x', "'", '00000000-0000-4000-8000-000000000000', `${id}, ${id}`]) {
      // The path names the workspace here, so a header of any kind changes nothing.
      expect((await user.get(`/api/workspaces/${id}`, { 'x-nora-workspace': header })).status).toBe(200)
    }
  })
})

describe('bytes that are no request', () => {
  const send = (text: string) => sendRaw(api.url, text)

  test('are answered with a problem', async () => {
    const answer = await send('NONSENSE\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(answer).toMatch(/content-type: application\/problem\+json/i)
    expect(answer).toMatch(/x-correlation-id: [0-9a-f-]{36}/i)
  })
  test('with headers beyond measure are 431', async () => {
    expect(
      await send(`GET /api/healthz HTTP/1.1\r\nHost: localhost\r\nA: ${'x'.repeat(20_000)}\r\n\r\n`),
    ).toMatch(/^HTTP\/1\.1 431 /)
  })
  test('with two lengths are refused', async () => {
    const text =
      'POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
    expect(await send(text)).toMatch(/^HTTP\/1\.1 400 /)
  })
  test.each(['/api/auth/me', '/api/ws/nothing', '/api/ws/logs/nothing', '/', '/api/healthz'])(
    'an upgrade to %s is not found',
    async (path) => {
      const upgrade = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`
      expect(await send(upgrade)).toMatch(
        /^HTTP\/1\.1 404 Not Found\r\ncontent-type: application\/problem\+json\r\n/,
      )
    },
  )
  test('an offer of another protocol is overlooked', async () => {
    const offer =
      'Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n'
    expect(await send(`GET /api/healthz HTTP/1.1\r\nHost: localhost\r\n${offer}`)).toMatch(/^HTTP\/1\.1 200 /)
    expect(await send(`GET /api/ws/logs/x HTTP/1.1\r\nHost: localhost\r\n${offer}`)).toMatch(
      /^HTTP\/1\.1 404 /,
    )
  })
})

test('what a good client sends is taken', async () => {
  const answer = await api.anonymous.request('POST', '/api/auth/logout', { raw: '', headers: json })
  expect(answer.status).toBe(204)
  const charset = { 'content-type': 'application/json; charset=utf-8' }
  expect(
    (await api.anonymous.request('POST', '/api/auth/logout', { raw: '{}', headers: charset })).status,
  ).toBe(204)
})
