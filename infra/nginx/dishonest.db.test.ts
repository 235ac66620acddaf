import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { describe, expect, test } from 'vitest'
import { rawTls } from './testing/ask.ts'
import { edgeWithApi } from './testing/edge-with-api.ts'
import { publicHost } from './testing/start-edge.ts'

const { edge } = edgeWithApi(testDatabase(), testRedis())

describe('what is no honest request', () => {
  const host = () => `host: ${publicHost}:${edge.httpsPort}`
  const send = async (text: string) => {
    const connection = await rawTls(edge)
    connection.socket.write(text)
    return connection.closed()
  }
  const smuggled = 'GET /api/admin/overview HTTP/1.1\r\nhost: x\r\n\r\n'

  test.each([
    ['two lengths of a body', `content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`],
    ['a length twice', `content-length: 0\r\ncontent-length: ${smuggled.length}\r\n\r\n${smuggled}`],
    ['an unknown transfer coding', `transfer-encoding: xchunked\r\n\r\n0\r\n\r\n${smuggled}`],
    ['a list of transfer codings', `transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n${smuggled}`],
    ['a length that is none', `content-length: +0\r\n\r\n${smuggled}`],
    ['two hosts', `host: evil.example\r\n\r\n${smuggled}`],
  ])('%s is refused, and ends the connection', async (_, rest) => {
    const said = await send(`POST /api/auth/logout HTTP/1.1\r\n${host()}\r\n${rest}`)
    expect(said.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 400'])
    expect(said).toContain('application/problem+json')
    expect(said).not.toContain('<html')
  })

  test.each([
    ['no HTTP', 'nonsense\r\n\r\n', '400'],
    ['another version', 'GET / HTTP/3.0\r\n\r\n', '400'],
    ['a NUL in the path', 'GET /api/%00 HTTP/1.1\r\nhost: nora.test\r\nconnection: close\r\n\r\n', '400'],
    [
      'a way above the root',
      'GET /../../etc/passwd HTTP/1.1\r\nhost: nora.test\r\nconnection: close\r\n\r\n',
      '400',
    ],
    ['an address too long', `GET /${'x'.repeat(9_000)} HTTP/1.1\r\nhost: nora.test\r\n\r\n`, '414'],
    ['a header too long', `GET / HTTP/1.1\r\nhost: nora.test\r\nx: ${'x'.repeat(9_000)}\r\n\r\n`, '431'],
    ['TRACE', 'TRACE / HTTP/1.1\r\nhost: nora.test\r\nconnection: close\r\n\r\n', '405'],
    ['CONNECT', 'CONNECT evil.example:443 HTTP/1.1\r\nhost: nora.test\r\nconnection: close\r\n\r\n', '40'],
  ])('%s is answered with a problem', async (_, text, status) => {
    const said = await send(text)
    expect(said).toMatch(new RegExp(`^HTTP/1\\.1 ${status}`))
    expect(said).toContain('application/problem+json')
    expect(said).not.toMatch(/<html|nginx\//)
  })

  test('h2c and other upgrades are not passed on', async () => {
    const connection = await rawTls(edge)
    connection.socket.write(
      `GET /api/healthz HTTP/1.1\r\n${host()}\r\nconnection: upgrade, http2-settings, close\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n`,
    )
    expect(await connection.closed()).toMatch(/^HTTP\/1\.1 200 /)
  })

  test('who sends headers slowly is not waited for', async () => {
    const connection = await rawTls(edge)
    connection.socket.write(`GET /api/healthz HTTP/1.1\r\n${host()}\r\nx-slow: `)
    const drip = setInterval(() => connection.socket.write('x'), 1_000)
    try {
      expect(await connection.closed()).toBe('')
    } finally {
      clearInterval(drip)
    }
  })
})
