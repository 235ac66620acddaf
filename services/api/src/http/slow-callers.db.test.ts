import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { afterEach, expect, test } from 'vitest'
import { type RawConnection, rawConnection, statusesIn } from '../testing/raw.ts'
import { type TestApi, testApi } from '../testing/test-api.ts'
import type { EdgeTimes } from './edge-times.ts'

// One short deadline each, and the others as they are, so that no stall of the machine makes another one of them count; each connection
// below would last for ever if nobody closed it.
const database = testDatabase()
const redis = testRedis()
const apiWith = (short: Partial<EdgeTimes>) => testApi(database, redis, { config: { edgeTimes: short } })
const forHeaders = apiWith({ headersMs: 2_000, checkMs: 100 })
const forBodies = apiWith({ bodyMs: 1_000, restMs: 1_000 })
const betweenRequests = apiWith({ keepAliveMs: 1_000 })

const timers: NodeJS.Timeout[] = []
const opened: RawConnection[] = []
afterEach(() => {
  for (const timer of timers.splice(0)) clearInterval(timer)
  for (const { socket } of opened.splice(0)) socket.destroy()
})

async function connection(api: TestApi): Promise<RawConnection> {
  const made = await rawConnection(api.url)
  opened.push(made)
  return made
}

/** A connection that sends `begin` and then one byte after the other. */
async function trickle(api: TestApi, begin: string, byte: string): Promise<RawConnection> {
  const made = await connection(api)
  made.socket.write(begin)
  timers.push(setInterval(() => made.socket.writable && made.socket.write(byte), 20))
  return made
}
const headers = (path: string, length: number) =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`

test('a connection that says nothing is closed', async () => {
  const silent = await connection(forHeaders)
  expect(statusesIn(await silent.closed())).toEqual([408])
})

test('headers that trickle are cut off, and nobody else notices', async () => {
  /** Gives how many others were served before the first of a hundred was cut off. */
  const round = async (): Promise<number> => {
    const begin = 'GET /api/healthz HTTP/1.1\r\nHost: localhost\r\nX: '
    const slow = await Promise.all(Array.from({ length: 100 }, () => trickle(forHeaders, begin, 'x')))
    let others = 0
    while (slow.every(({ socket }) => !socket.closed)) {
      // One that a stall made late is none of those that were served.
      const answer = await forHeaders.anonymous.get('/api/auth/bootstrap-status').catch(() => undefined)
      if (answer?.status === 200) others++
    }
    const answers = await Promise.all(slow.map((one) => one.closed()))
    expect(answers.map(statusesIn)).toEqual(slow.map(() => [408]))
    expect(answers[0]).toContain('"code":"request-timeout"')
    for (const timer of timers.splice(0)) clearInterval(timer)
    return others
  }
  let most = 0
  for (let times = 0; times < 5 && most <= 5; times++) most = Math.max(most, await round())
  expect(most).toBeGreaterThan(5)
})

test('a body that trickles is cut off', async () => {
  const slow = await trickle(forBodies, headers('/api/auth/login', 100_000), '1')
  expect(statusesIn(await slow.closed())).toEqual([])
})

test.each(['/api/agents', '/api/nothing', '/api/agents/00000000-0000-4000-8000-000000000000/invoke/x'])(
  'a body that trickles to %s, which does not want it, is answered and then cut off',
  async (path) => {
    const slow = await trickle(forBodies, headers(path, 100_000), '1')
    const [status] = statusesIn(await slow.closed())
    expect(status).toBe(path === '/api/nothing' ? 404 : 401)
  },
)

test('a connection between two requests is closed', async () => {
  const idle = await connection(betweenRequests)
  idle.socket.write('GET /api/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
  expect(statusesIn(await idle.closed())).toEqual([200])
})
