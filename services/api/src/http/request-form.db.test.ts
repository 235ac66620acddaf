import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { describe, expect, test } from 'vitest'
import { sendRaw, statusesIn } from '../testing/raw.ts'
import { testApi } from '../testing/test-api.ts'

const api = testApi(testDatabase(), testRedis(), {
  config: {
    publicUrl: 'http://nora.example.test:8080',
    adminUrl: 'http://runs.example.test:8080',
    allowedHosts: ['api.internal'],
  },
})
const host = 'Host: localhost'
const request = (line: string, ...headers: string[]) =>
  `${[line, ...headers, 'Connection: close'].join('\r\n')}\r\n\r\n`
const get = (target: string, ...headers: string[]) => request(`GET ${target} HTTP/1.1`, host, ...headers)
const post = (...headers: string[]) => request('POST /api/auth/login HTTP/1.1', host, ...headers)
const many = (count: number) => Array.from({ length: count }, (_, n) => `X-${n}: 1`)
const health = 'GET /api/healthz HTTP/1.1'

describe('refused, once, with a problem, and the connection ends:', () => {
  const smuggled = `${health}\r\n${host}\r\n\r\n`
  const cases: [string, string, number, string][] = [
    ['no Host', request(health), 400, 'bad-request'],
    ['no Host in HTTP/1.0', request('GET /api/healthz HTTP/1.0'), 400, 'bad-request'],
    ['an empty Host', request(health, 'Host: '), 400, 'bad-request'],
    ['two Hosts', request(health, host, host), 400, 'bad-request'],
    ['a Host with a path', request(health, 'Host: localhost/x'), 400, 'bad-request'],
    ['a Host with a user', request(health, 'Host: a@localhost'), 400, 'bad-request'],
    ['a Host with two ports', request(health, 'Host: localhost:1:2'), 400, 'bad-request'],
    ['a Host of two names', request(health, 'Host: localhost, evil.test'), 400, 'bad-request'],
    ['the Host of somebody else', request(health, 'Host: evil.test'), 421, 'wrong-host'],
    ['a Host that begins like ours', request(health, 'Host: localhost.evil.test'), 421, 'wrong-host'],
    ['a Host that begins like an address', request(health, 'Host: 127.0.0.1.evil.test'), 421, 'wrong-host'],
    ['a Host that ends like ours', request(health, 'Host: evil-nora.example.test'), 421, 'wrong-host'],
    ['an address that was not dialled', request(health, 'Host: 192.0.2.1'), 421, 'wrong-host'],
    ['a whole URL', get('http://localhost/api/healthz'), 400, 'bad-request'],
    ['a whole URL of another host', get('http://evil.test/api/healthz'), 400, 'bad-request'],
    ['an asterisk', request('OPTIONS * HTTP/1.1', host), 400, 'bad-request'],
    ['an asterisk for another method', request('GET * HTTP/1.1', host), 400, 'bad-request'],
    ['a path without its slash', get('api/healthz'), 400, 'bad-request'],
    ['UTF-8 in the path', get('/api/\u00fcber'), 400, 'bad-request'],
    ['a NUL in the path', get('/api/workspaces/%00'), 400, 'bad-request'],
    ['a NUL in the query', get('/api/healthz?x=%00'), 400, 'bad-request'],
    ['an escape that is none', get('/api/workspaces/%zz'), 400, 'bad-request'],
    ['an address of 8 KiB and one', get(`/${'a'.repeat(8 * 1024)}`), 414, 'uri-too-long'],
    ['101 headers', request(health, host, ...many(99)), 431, 'headers-too-large'],
    ['3,000 headers', request(health, host, ...Array(3_000).fill('a:')), 431, 'headers-too-large'],
    [
      'two Authorizations',
      get('/api/auth/me', 'Authorization: Bearer a', 'authorization: Bearer b'),
      400,
      'bad-request',
    ],
    [
      'two Origins',
      post('Origin: http://a.test', 'Origin: http://b.test', 'Content-Length: 0'),
      400,
      'bad-request',
    ],
    [
      'two types',
      post('Content-Type: application/json', 'Content-Type: text/plain', 'Content-Length: 0'),
      400,
      'bad-request',
    ],
    ['two workspaces', get('/api/agents', 'X-Nora-Workspace: a', 'X-Nora-Workspace: b'), 400, 'bad-request'],
    ['two lengths', `${post('Content-Length: 4', 'Content-Length: 5')}abcde${smuggled}`, 400, 'bad-request'],
    [
      'the same length twice',
      `${post('Content-Length: 4', 'Content-Length: 4')}abcd${smuggled}`,
      400,
      'bad-request',
    ],
    [
      'a length and chunks',
      `${post('Content-Length: 4', 'Transfer-Encoding: chunked')}0\r\n\r\n${smuggled}`,
      400,
      'bad-request',
    ],
    [
      'chunks and a length',
      `${post('Transfer-Encoding: chunked', 'Content-Length: 4')}0\r\n\r\n${smuggled}`,
      400,
      'bad-request',
    ],
    [
      'two codings',
      `${post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')}0\r\n\r\n${smuggled}`,
      400,
      'bad-request',
    ],
    [
      'a coding before chunks',
      `${post('Transfer-Encoding: gzip, chunked')}0\r\n\r\n${smuggled}`,
      400,
      'bad-request',
    ],
    [
      'a coding that is none',
      `${post('Transfer-Encoding: xchunked')}0\r\n\r\n${smuggled}`,
      400,
      'bad-request',
    ],
    [
      'chunks in HTTP/1.0',
      `${request('POST /api/auth/login HTTP/1.0', host, 'Transfer-Encoding: chunked')}0\r\n\r\n${smuggled}`,
      400,
      'bad-request',
    ],
    ['a length with a sign', `${post('Content-Length: +4')}abcd${smuggled}`, 400, 'bad-request'],
    ['a length below zero', `${post('Content-Length: -1')}${smuggled}`, 400, 'bad-request'],
    ['a length with letters', `${post('Content-Length: 4x')}abcd${smuggled}`, 400, 'bad-request'],
    ['a space before the colon', request(health, host, 'Transfer-Encoding : chunked'), 400, 'bad-request'],
    ['a header folded over two lines', request(health, host, 'X-A: 1', ' chunked'), 400, 'bad-request'],
    ['a line that ends in LF alone', `${health}\n${host}\nConnection: close\n\n`, 400, 'bad-request'],
    ['a CR in a value', request(health, host, 'X-A: 1\rX-B: 2'), 400, 'bad-request'],
    ['a NUL in a value', request(health, host, 'X-A: 1\0'), 400, 'bad-request'],
    ['HTTP/2.0', request('GET /api/healthz HTTP/2.0', host), 400, 'bad-request'],
    ['HTTP/0.9', 'GET /api/healthz\r\n\r\n', 400, 'bad-request'],
    ['a method that is none', request('STEAL /api/healthz HTTP/1.1', host), 400, 'bad-request'],
    [
      'an expectation that cannot be met',
      post('Expect: 200-maybe', 'Content-Length: 0'),
      417,
      'expectation-failed',
    ],
  ]
  test.each(cases)('%s', async (_, bytes, status, code) => {
    const answer = await sendRaw(api.url, bytes)
    expect(statusesIn(answer)).toEqual([status])
    expect(answer).toContain(`"code":"${code}"`)
    expect(answer).toMatch(/content-type: application\/problem\+json/i)
    expect(answer).toMatch(/x-correlation-id: [0-9a-f-]{36}/i)
    expect(answer).toMatch(/cache-control: no-store/i)
  })

  test('CONNECT is closed without a word', async () => {
    expect(await sendRaw(api.url, `CONNECT localhost:22 HTTP/1.1\r\n${host}\r\n\r\n`)).toBe('')
  })
})

describe('let in:', () => {
  test.each([
    ['the public host', request(health, 'Host: nora.example.test:8080')],
    ['the public host at another port, in capitals', request(health, 'Host: NORA.example.test')],
    ['the host of the admin app', request(health, 'Host: runs.example.test')],
    ['an allowed host', request(health, 'Host: api.internal:80')],
    ['loopback', request(health, 'Host: [::1]:9')],
    ['the address that was dialled', request(health, 'Host: 127.0.0.1:1')],
    ['HTTP/1.0', request('GET /api/healthz HTTP/1.0', host)],
    ['100 headers', request(health, host, ...many(98))],
    ['chunks', `${request('GET /api/healthz HTTP/1.1', host, 'Transfer-Encoding: chunked')}0\r\n\r\n`],
    ['an offer to compress', get('/api/healthz', 'Accept-Encoding: gzip, br')],
  ])('%s', async (_, bytes) => {
    const answer = await sendRaw(api.url, bytes)
    expect(statusesIn(answer)).toEqual([200])
    expect(answer).not.toMatch(/content-encoding/i)
  })
})

describe('a path', () => {
  test.each([
    '/api/healthz/',
    '/API/healthz',
    '/api/Healthz',
    '//api/healthz',
    '/api//healthz',
    '/api/./healthz',
    '/api/x/../healthz',
    '/api/%2e/healthz',
    '/api/x/%2e%2e/healthz',
    '/api%2fhealthz',
    '/api/%2fhealthz',
    '/api/healthz%20',
    '/api/healthz;x=1',
    '/api\\healthz',
    '/api/healthz%5c',
    '/api/healthz%0d%0aX-A:1',
    '/api/%252e%252e/healthz',
  ])('%s is not another spelling of one we serve', async (path) => {
    const answer = await sendRaw(api.url, get(path))
    expect(statusesIn(answer)).toEqual([404])
    expect(answer).not.toMatch(/^x-a:/im)
  })

  test.each(['..%2f..%2fauth%2fme', '%2e%2e', '..', '%2e%2e%2f'])(
    'as a parameter, %s is no id',
    async (path) => {
      const user = await api.signUp()
      const answer = await sendRaw(
        api.url,
        get(`/api/workspaces/${path}`, `Authorization: Bearer ${user.accessToken}`),
      )
      expect(statusesIn(answer)[0]).toBeGreaterThanOrEqual(400)
      expect(statusesIn(answer)[0]).toBeLessThan(405)
    },
  )
})

describe('a method', () => {
  test('HEAD is GET without a body, also where nothing is', async () => {
    for (const [path, status] of [
      ['/api/healthz', 200],
      ['/api/auth/me', 401],
      ['/api/nothing', 404],
    ] as const) {
      const head = await sendRaw(api.url, request(`HEAD ${path} HTTP/1.1`, host))
      expect(statusesIn(head)).toEqual([status])
      expect(head.split('\r\n\r\n')[1]).toBe('')
      expect(head).toMatch(/ratelimit-remaining: \d/i)
    }
  })

  test('TRACE repeats nothing', async () => {
    const answer = await sendRaw(
      api.url,
      request('TRACE /api/auth/me HTTP/1.1', host, 'Authorization: Bearer secret-of-somebody'),
    )
    expect(statusesIn(answer)[0]).toBeGreaterThanOrEqual(400)
    expect(answer).not.toContain('secret-of-somebody')
  })

  test('of another protocol than ours is 405, with the ones there are', async () => {
    const answer = await sendRaw(api.url, request('PROPFIND /api/healthz HTTP/1.1', host))
    expect(statusesIn(answer)).toEqual([405])
    expect(answer).toMatch(/allow: GET, HEAD/i)
  })

  test('OPTIONS that is no preflight says nothing of what is behind it', async () => {
    const answer = await sendRaw(api.url, request('OPTIONS /api/auth/me HTTP/1.1', host))
    expect(statusesIn(answer)).toEqual([405])
    expect(answer).not.toMatch(/access-control-/i)
  })
})
