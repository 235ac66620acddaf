import { once } from 'node:events'
import { connect } from 'node:net'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { afterEach, expect, test } from 'vitest'
import { viewBench } from './testing/view-bench.ts'

// What a stranger can do to the worker's own port before anybody looks at a capability.
const database = testDatabase()
const redis = testRedis()
const bench = viewBench(database, redis, { requestMs: 1_000, checkMs: 100 })
const small = viewBench(database, redis, { connections: 20 })
const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

async function open(begin = '', { server } = bench) {
  const { port, hostname } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  let said = ''
  let closed = false
  socket.on('data', (chunk) => {
    said += chunk
  })
  socket.on('close', () => {
    closed = true
  })
  await once(socket, 'connect')
  socket.on('error', () => undefined)
  cleanups.push(() => socket.destroy())
  if (begin) socket.write(begin)
  return {
    socket,
    said: () => said,
    closed: () => closed,
    end: async () => {
      await waitUntil('the worker to close', () => closed)
      return said
    },
  }
}
const health = async ({ server } = bench) => (await fetch(`${server.url}/internal/healthz`)).status

test('whoever says nothing, or says it byte by byte, is cut off while others are served', async () => {
  const slow = [await open()]
  for (let n = 0; n < 10; n++) {
    const connection = await open('GET /internal/healthz HTTP/1.1\r\nhost: x\r\nx: ')
    const timer = setInterval(() => connection.socket.writable && connection.socket.write('x'), 20)
    cleanups.push(() => clearInterval(timer))
    slow.push(connection)
  }
  // Asked again when the machine stood still between the two and this one was cut off, too.
  await waitUntil('somebody else to be served', async () => (await health()) === 200)
  for (const { end } of slow) expect(await end()).toMatch(/^HTTP\/1\.1 408 /)
  await waitUntil('it to go on', async () => (await health()) === 200)
})

test.each([
  ['a body', 'GET /internal/healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\nx', 404],
  ['a body in chunks', 'POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n', 404],
  ['a hundred headers', `GET /internal/healthz HTTP/1.1\r\n${'x: 1\r\n'.repeat(100)}host: x\r\n\r\n`, 404],
  [
    'headers of 9 KiB',
    `GET /internal/healthz HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(9 * 1024)}\r\n\r\n`,
    431,
  ],
  ['no Host', 'GET /internal/healthz HTTP/1.1\r\n\r\n', 400],
  [
    'two lengths',
    'GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n',
    400,
  ],
  [
    'an upgrade elsewhere',
    'GET /x HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
    404,
  ],
])('%s is refused, and the connection ends', async (_, bytes, status) => {
  expect(await (await open(bytes, small)).end()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
})

test('connections beyond the limit are closed, and a place that is given back is given again', async () => {
  const kept = await Promise.all(Array.from({ length: 20 }, () => open('', small)))
  expect(await (await open('', small)).end()).toBe('')
  kept[0]!.socket.destroy()
  await waitUntil('a place', async () => (await health(small)) === 200)
})
