import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { afterEach, expect, test } from 'vitest'
import { type RawConnection, rawConnection, statusesIn } from '../testing/raw.ts'
import { testApi } from '../testing/test-api.ts'

// Short deadlines; each connection below would last for ever if nobody closed it.
const api = testApi(testDatabase(), testRedis(), {
  config: { edgeTimes: { headersMs: 1_000, bodyMs: 500, restMs: 500, keepAliveMs: 1_000, checkMs: 100 } },
})
const timers: NodeJS.Timeout[] = []
const opened: RawConnection[] = []
afterEach(() => {
  for (const timer of timers.splice(0)) clearInterval(timer)
  for (const { socket } of opened.splice(0)) socket.destroy()
})

/** A connection that sends `begin` and then one byte after the other. */
async function trickle(begin: string, byte: string): Promise<RawConnection> {
  const connection = await rawConnection(api.url)
  opened.push(connection)
  connection.socket.write(begin)
  timers.push(setInterval(() => connection.socket.writable && connection.socket.write(byte), 20))
  return connection
}
const headers = (path: string, length: number) =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`

test('a connection that says nothing is closed', async () => {
  const connection = await rawConnection(api.url)
  opened.push(connection)
  expect(statusesIn(await connection.closed())).toEqual([408])
})

test('headers that trickle are cut off, and nobody else notices', async () => {
  const slow = await Promise.all(
    Array.from({ length: 100 }, () => trickle('GET /api/healthz HTTP/1.1\r\nHost: localhost\r\nX: ', 'x')),
  )
  let others = 0
  let over = false
  const serving = (async () => {
    while (!over) {
      expect((await api.anonymous.get('/api/auth/bootstrap-status')).status).toBe(200)
      others++
    }
  })()
  const answers = await Promise.all(slow.map((connection) => connection.closed()))
  over = true
  await serving
  expect(answers.map(statusesIn)).toEqual(slow.map(() => [408]))
  expect(answers[0]).toContain('"code":"request-timeout"')
  expect(others).toBeGreaterThan(5)
})

test('a body that trickles is cut off', async () => {
  const connection = await trickle(headers('/api/auth/login', 100_000), '1')
  expect(statusesIn(await connection.closed())).toEqual([])
})

test.each(['/api/agents', '/api/nothing', '/api/agents/00000000-0000-4000-8000-000000000000/invoke/x'])(
  'a body that trickles to %s, which does not want it, is answered and then cut off',
  async (path) => {
    const connection = await trickle(headers(path, 100_000), '1')
    const [status] = statusesIn(await connection.closed())
    expect(status).toBe(path === '/api/nothing' ? 404 : 401)
  },
)

test('a connection between two requests is closed', async () => {
  const connection = await rawConnection(api.url)
  opened.push(connection)
  connection.socket.write('GET /api/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
  expect(statusesIn(await connection.closed())).toEqual([200])
})
