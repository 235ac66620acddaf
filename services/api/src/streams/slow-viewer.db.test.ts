import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { logSockets } from '../testing/log-sockets.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const logs = logSockets(database, api)
const megabyte = 1024 * 1024
const slowOnes = 10
let worker: ChildProcess
let workerUrl: string

beforeAll(async () => {
  const path = fileURLToPath(new URL('../testing/flooding-worker.ts', import.meta.url))
  worker = spawn(process.execPath, [path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(worker.stdout!, 'data')) as [Buffer]
  workerUrl = String(line).trim()
})
afterAll(() => worker?.kill('SIGKILL'))

/** A viewer who takes 1 kB a second from its socket; gives how much it has taken, and ends. */
async function slowViewer(): Promise<{ socket: Socket; taken: () => number; end: () => void }> {
  const ticket = await logs.ticketOf(logs.ada)
  const { hostname, port } = new URL(api.url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => undefined)
  socket.pause()
  const head = [
    `GET /api/ws/logs/${logs.agentId} HTTP/1.1`,
    `host: ${hostname}:${port}`,
    'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13',
    `sec-websocket-key: ${Buffer.alloc(16, 1).toString('base64')}`,
    `sec-websocket-protocol: nora.v1, ticket.${ticket}`,
    `authorization: Bearer ${logs.ada.accessToken}`,
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  let taken = 0
  const timer = setInterval(() => {
    taken += (socket.read(100) as Buffer | null)?.length ?? 0
  }, 100)
  const end = () => {
    clearInterval(timer)
    socket.destroy()
  }
  return { socket, taken: () => taken, end }
}

let made: Promise<string> | undefined
const bobsAgent = () => {
  made ??= logs.bob.post('/api/agents', { name: 'b', runtime: 'starter' }).then((answer) => answer.body.id)
  return made
}

test('readers of 1 kB/s of a log that comes at full speed cost the api bounded memory and a neighbour no time', async () => {
  await database.asSuperuser(
    `insert into nora.workers (id, kid8, key_version, internal_url, last_seen_at) values ('flood', $1, 1, $2, now() + interval '1 hour')`,
    [Buffer.alloc(8), workerUrl],
  )
  const late: number[] = []
  const neighbour = logs.connect(await logs.ticketOf(logs.bob, await bobsAgent()), logs.bob, {
    query: '?after=1',
    agent: await bobsAgent(),
  })
  neighbour.socket.on('message', (data) => {
    late.push(Date.now() - Number(JSON.parse(String(data)).lines[0].text))
  })
  await waitUntil('the neighbour to be served', () => late.length > 50)
  const before = process.memoryUsage().rss
  const alone = late.splice(0)

  const slow = await Promise.all(Array.from({ length: slowOnes }, slowViewer))
  late.length = 0
  let most = 0
  const at = (place: number, values: number[]) =>
    values.toSorted((a, b) => a - b)[Math.floor(values.length * place)]!
  // A hundred in a row: a machine that stands still for a while makes some late, a neighbour in the way makes all.
  const inTime = () => {
    const last = late.slice(-100)
    return at(0.5, last) < Math.max(50, 5 * at(0.5, alone)) && at(0.95, last) < 1_000
  }
  try {
    await waitUntil(
      'every slow reader to have taken some, and the neighbour its lines in time',
      () => {
        most = Math.max(most, process.memoryUsage().rss)
        return slow.every((one) => one.taken() > 3_000) && late.length > 150 && inTime()
      },
      { deadlineMs: 120_000 },
    )
  } finally {
    for (const one of slow) one.end()
  }
  // Each holds one megabyte and a frame or two in the api; sockets' own buffers are the kernel's.
  expect((most - before) / megabyte).toBeLessThan(slowOnes * 4 + 60)
})
