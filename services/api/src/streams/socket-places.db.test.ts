import { createLogger } from '@nora/log/logger'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { Redis } from 'ioredis'
import { afterEach, expect, test } from 'vitest'
import type { ApiSettings } from '../deps.ts'
import { connectRedis } from '../redis.ts'
import { type SocketPlaces, socketPlaces } from './socket-places.ts'

const redis = testRedis()
const log = createLogger({ service: 'api', level: 'fatal' })
const config = { jwtSecrets: ['the same secret in every process of one server'] } as unknown as ApiSettings
const cleanups: (() => void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) cleanup()
  const connection = new Redis(redis.url)
  await connection.flushall()
  connection.disconnect()
})

/** For what has to be counted in Redis however slowly it answers here. */
const times = { renewMs: 50, leaseMs: 600_000, patienceMs: 60_000 }

/** What one api process holds. */
async function apiProcess(
  most: number,
  more: Partial<typeof times> = {},
): Promise<SocketPlaces & { connection: Redis }> {
  const connection = connectRedis(redis.url, log)
  await waitUntil('the connection', () => connection.status === 'ready')
  const places = socketPlaces({ redis: connection, config, log }, most, { ...times, ...more })
  cleanups.push(places.stop, () => connection.disconnect())
  return { ...places, connection }
}

test('are counted over every process, for each person', async () => {
  const [one, two] = [await apiProcess(3), await apiProcess(3)]
  expect(await one.take('ada', 'a')).toBe(true)
  expect(await one.take('ada', 'b')).toBe(true)
  expect(await two.take('ada', 'c')).toBe(true)
  expect(await two.take('ada', 'd')).toBe(false)
  expect(await one.take('ada', 'd')).toBe(false)
  expect(await two.take('bob', 'e')).toBe(true)
  one.giveBack('ada', 'a')
  await waitUntil('the place', () => two.take('ada', 'd'))
})

test('many at once take no more than there are', async () => {
  const all = await Promise.all(Array.from({ length: 4 }, () => apiProcess(20)))
  const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => all[n % 4]!.take('ada', `s${n}`)))
  expect(answers.filter(Boolean)).toHaveLength(20)
})

test('that a flushed Redis forgot are counted again', async () => {
  const [one, two] = [await apiProcess(2), await apiProcess(2)]
  await one.take('ada', 'a')
  await one.take('ada', 'b')
  await one.connection.flushall()
  await waitUntil('both to be counted again', async () => {
    const keys = await two.connection.keys('nora:sockets:*')
    return keys.length === 1 && (await two.connection.zcard(keys[0]!)) === 2
  })
  expect(await two.take('ada', 'c')).toBe(false)
})

test('of a process that died are free after its lease, and those of one that lives are not', async () => {
  const living = await apiProcess(2)
  await living.take('ada', 'b')
  const dead = await apiProcess(2, { renewMs: 3_600_000 })
  await dead.take('ada', 'a')
  expect(await living.take('ada', 'c')).toBe(false)
  // As if its lease had run out; that of one that lives is put off again and again.
  const [key] = await living.connection.keys('nora:sockets:*')
  await living.connection.zadd(key!, Date.now() - 1_000, 'a')
  await waitUntil('the end of the lease', () => living.take('ada', 'c'))
  expect(await living.take('ada', 'd')).toBe(false)
})

test('are counted by each process alone while Redis hangs', async () => {
  const quick = { patienceMs: 250 }
  const [one, two] = [await apiProcess(2, quick), await apiProcess(2, quick)]
  await one.take('ada', 'a')
  process.kill(redis.server.pid, 'SIGSTOP')
  try {
    expect(await one.take('ada', 'b')).toBe(true)
    expect(await one.take('ada', 'c')).toBe(false)
    expect(await two.take('ada', 'd')).toBe(true)
  } finally {
    process.kill(redis.server.pid, 'SIGCONT')
  }
})
