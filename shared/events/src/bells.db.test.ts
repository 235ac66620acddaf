import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { Redis } from 'ioredis'
import { afterEach, expect, test } from 'vitest'
import { type Bells, logBell, openBells } from './bells.ts'

const redis = testRedis()
const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

function bells(options: { enableOfflineQueue?: boolean; commandTimeout?: number } = {}): Bells {
  const connection = new Redis(redis.url, { ...options, retryStrategy: () => 50, maxRetriesPerRequest: 1 })
  connection.on('error', () => undefined)
  const opened = openBells(connection, () => undefined)
  closing.push(() => {
    opened.close()
    connection.disconnect()
  })
  return opened
}
const channel = logBell('nora', 'agent')

/** Rings until it is heard: a bell is not kept for who listens later. */
const heard = (from: Bells, count: () => number) => {
  const before = count()
  return waitUntil('the bell', () => {
    from.ring(channel)
    return count() > before
  })
}

test.each([{}, { enableOfflineQueue: false }])('rings from one process to another: %j', async (options) => {
  const here = bells(options)
  const there = bells(options)
  let rings = 0
  const end = await here.listen(channel, () => rings++)
  const other = await here.listen(logBell('nora', 'other'), () => expect.fail('rang for another agent'))
  await heard(there, () => rings)
  end()
  other()
  let again = 0
  await here.listen(channel, () => again++)
  const after = rings
  await heard(there, () => again)
  expect(rings).toBe(after)
})

test('listens again when Redis comes back', async () => {
  const here = bells()
  let rings = 0
  await here.listen(channel, () => rings++)
  await heard(here, () => rings)
  await redis.server.stop()
  here.ring(channel) // nobody there: lost, and nothing thrown
  await redis.restart()
  await heard(here, () => rings)
})

test('a listener that comes while Redis is away hears it later', async () => {
  await redis.server.stop()
  const here = bells({ enableOfflineQueue: false, commandTimeout: 50 })
  let rings = 0
  const listening = here.listen(channel, () => rings++)
  await redis.restart()
  await listening
  await heard(here, () => rings)
})
