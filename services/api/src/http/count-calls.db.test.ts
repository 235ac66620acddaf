import { createLogger } from '@nora/log/logger'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { connectRedis } from '../redis.ts'
import { type CountCalls, callCounter, memoryCounter } from './count-calls.ts'

const redis = testRedis()
/** So long that no machine is slow enough for another window to begin within a test. */
const windowMs = 3_600_000
const connections: Redis[] = []
let logged: string[] = []

/** For what has to be counted in Redis however slowly it answers here. */
const patient = { memory: 60_000, refuse: 60_000 }

/** A counter with a connection of its own, as each api process has one. */
async function counter(patience?: { memory: number; refuse: number }): Promise<CountCalls> {
  const log = createLogger({
    service: 'api',
    level: 'info',
    destination: { write: (line) => void logged.push(line) },
  })
  const connection = connectRedis(redis.url, log)
  connections.push(connection)
  await waitUntil('the connection', () => connection.status === 'ready')
  return callCounter(connection, log, patience)
}
const direct = async <T>(run: (connection: Redis) => Promise<T>): Promise<T> => {
  const connection = new Redis(redis.url)
  try {
    return await run(connection)
  } finally {
    connection.disconnect()
  }
}
beforeEach(() => {
  logged = []
})
afterEach(async () => {
  for (const connection of connections.splice(0)) connection.disconnect()
  await direct((connection) => connection.flushall())
})

const currents = async (count: CountCalls, times: number, onLoss: 'memory' | 'refuse' = 'memory') => {
  const seen: number[] = []
  for (let n = 0; n < times; n++) seen.push((await count('k', windowMs, onLoss)).current)
  return seen
}

/** Calls until Redis has been found to answer: whoever calls is who asks it again. */
const untilCounting = (count: CountCalls) =>
  waitUntil('Redis to count again', async () => {
    await count('other', windowMs, 'memory')
    return logged.some((line) => line.includes('redis answers again'))
  })

test('several processes count together', async () => {
  const [one, two] = [await counter(patient), await counter(patient)]
  expect(await currents(one, 2)).toEqual([1, 2])
  expect(await currents(two, 2)).toEqual([3, 4])
  const many = await Promise.all(
    Array.from({ length: 100 }, (_, n) => (n % 2 ? one : two)('k', windowMs, 'memory')),
  )
  expect(many.map(({ current }) => current).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 100 }, (_, n) => n + 5),
  )
})

test('a flushed Redis begins anew, and nothing fails', async () => {
  const count = await counter(patient)
  expect(await currents(count, 2)).toEqual([1, 2])
  await direct((connection) => connection.flushall())
  expect(await currents(count, 2)).toEqual([1, 2])
  expect(await currents(count, 1, 'refuse')).toEqual([3])
})

test('a count always has an end', async () => {
  const count = await counter(patient)
  await count('k', windowMs, 'memory')
  await direct((connection) => connection.persist('nora:limit:k'))
  const { current, ttlMs } = await count('k', windowMs, 'memory')
  expect([current, ttlMs]).toEqual([2, windowMs])
  const left = await direct((connection) => connection.pttl('nora:limit:k'))
  expect(left).toBeGreaterThan(0)
  expect(left).toBeLessThanOrEqual(windowMs)
})

describe('a Redis that hangs', () => {
  test('costs one call its deadline; the others go on from what it had counted, until it answers', async () => {
    const count = await counter()
    expect(await currents(count, 3)).toEqual([1, 2, 3])
    process.kill(redis.server.pid, 'SIGSTOP')
    try {
      expect(await currents(count, 1)).toEqual([4])
      // None of these asks it, so none waits: a thousand would, for more than four minutes.
      const begun = performance.now()
      expect(await currents(count, 1_000)).toEqual(Array.from({ length: 1_000 }, (_, n) => n + 5))
      expect(performance.now() - begun).toBeLessThan(30_000)
      await expect(count('k', windowMs, 'refuse')).rejects.toThrow('no answer within')
    } finally {
      process.kill(redis.server.pid, 'SIGCONT')
    }
    await untilCounting(count)
    expect(logged.filter((line) => line.includes('calls are counted in memory'))).toHaveLength(1)
    const { current } = await count('k', windowMs, 'memory')
    expect(await direct((connection) => connection.get('nora:limit:k'))).toBe(String(current))
  })

  test('is asked again and again, and keeps nobody waiting for it', async () => {
    const count = await counter()
    process.kill(redis.server.pid, 'SIGSTOP')
    try {
      await count('k', windowMs, 'memory')
      // Past several of its pauses: each call comes back in the turn of the event loop in which it was made.
      let slowest = 0
      const until = performance.now() + 3_000
      await waitUntil('three seconds of calls', async () => {
        let settled = false
        void count('k', windowMs, 'memory').then(() => {
          settled = true
        })
        await new Promise((resolve) => setImmediate(resolve))
        if (!settled) slowest++
        return performance.now() > until
      })
      expect(slowest).toBe(0)
    } finally {
      process.kill(redis.server.pid, 'SIGCONT')
    }
  })
})

test('a Redis that is gone: counted in memory at once, refused at once, and well again after it is back', async () => {
  const count = await counter()
  expect(await currents(count, 2)).toEqual([1, 2])
  await redis.server.stop()
  await waitUntil('the loss', () => connections.at(-1)!.status !== 'ready')
  expect(await currents(count, 2)).toEqual([3, 4])
  await expect(count('k', windowMs, 'refuse')).rejects.toThrow('not connected')
  await redis.restart()
  await untilCounting(count)
  expect((await count('k', windowMs, 'refuse')).current).toBeLessThan(4)
})

describe('memory', () => {
  test('holds so many keys and forgets the ones that were not counted for longest', () => {
    const memory = memoryCounter(3)
    for (const key of ['a', 'b', 'c', 'a', 'd']) memory.add(key, windowMs)
    expect(memory.size()).toBe(3)
    expect(memory.add('a', windowMs).current).toBe(3)
    expect(memory.add('b', windowMs).current).toBe(1)
    for (let n = 0; n < 10_000; n++) memory.learn(`k${n}`, { current: 1, ttlMs: windowMs })
    expect(memory.size()).toBe(3)
  })
  test('begins anew after its window', () => {
    const memory = memoryCounter(3)
    memory.learn('k', { current: 7, ttlMs: 0 })
    expect(memory.add('k', windowMs).current).toBe(1)
  })
})
