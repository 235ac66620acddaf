import type { FastifyBaseLogger } from 'fastify'
import type { Redis } from 'ioredis'
import { answerWithin } from './answer-within.ts'

/** How many calls there were in the window, this one among them, and when it ends. */
export type Counted = { current: number; ttlMs: number }
/** Without Redis a call is counted in this process's memory, or not at all: then it is refused. */
export type OnLoss = 'memory' | 'refuse'
/** Counts one call. Rejects only with `refuse`, when Redis has not answered in time. */
export type CountCalls = (key: string, windowMs: number, onLoss: OnLoss) => Promise<Counted>

// A key without an end would lock its caller out for good, however it lost it.
const countScript = `
  local current = redis.call('INCR', KEYS[1])
  local left = redis.call('PTTL', KEYS[1])
  if left < 0 then
    left = tonumber(ARGV[1])
    redis.call('PEXPIRE', KEYS[1], left)
  end
  return {current, left}
`
const maxKeysInMemory = 10_000
/** How many milliseconds Redis may take when memory can take over, and when nothing can. */
export type Patience = { memory: number; refuse: number }
const patienceMs: Patience = { memory: 250, refuse: 1_000 }
const pauseMs = 1_000

/**
 * Counts in Redis, where every api process counts. When Redis hangs, the calls of a quarter of a second wait for it; the next
 * ones are counted in memory, beginning with what Redis had last said, and in the background it is asked again each second.
 */
export function callCounter(
  redis: Redis,
  log: FastifyBaseLogger,
  patience: Patience = patienceMs,
): CountCalls {
  const memory = memoryCounter(maxKeysInMemory)
  let lost = false
  let askAgainAt = 0

  const count = async (key: string, windowMs: number, onLoss: OnLoss): Promise<Counted> => {
    if (redis.status !== 'ready') throw new Error('Redis is not connected')
    const answer = redis.eval(countScript, 1, `nora:limit:${key}`, windowMs) as Promise<[number, number]>
    const [current, ttlMs] = await answerWithin(patience[onLoss], answer)
    memory.learn(key, { current, ttlMs })
    return { current, ttlMs }
  }
  const lose = (error: unknown) => {
    askAgainAt = performance.now() + pauseMs
    if (!lost) log.warn({ err: error }, 'redis does not answer: calls are counted in memory')
    lost = true
  }
  const askAgain = () => {
    askAgainAt = Number.POSITIVE_INFINITY
    answerWithin(patience.memory, redis.ping()).then(() => {
      lost = false
      log.info('redis answers again: calls are counted there')
    }, lose)
  }

  return async (key, windowMs, onLoss) => {
    if (onLoss === 'refuse') return count(key, windowMs, onLoss)
    if (lost) {
      if (performance.now() >= askAgainAt) askAgain()
      return memory.add(key, windowMs)
    }
    try {
      return await count(key, windowMs, onLoss)
    } catch (error) {
      lose(error)
      return memory.add(key, windowMs)
    }
  }
}

/** Counts in this process; of more keys than `most` the oldest are forgotten. */
export function memoryCounter(most: number) {
  const counts = new Map<string, { current: number; endsAt: number }>()
  const put = (key: string, current: number, endsAt: number) => {
    counts.delete(key)
    counts.set(key, { current, endsAt })
    if (counts.size > most) counts.delete(counts.keys().next().value!)
  }
  return {
    size: () => counts.size,
    /** What Redis has counted, for when it is gone. */
    learn(key: string, { current, ttlMs }: Counted): void {
      put(key, current, performance.now() + ttlMs)
    },
    add(key: string, windowMs: number): Counted {
      const now = performance.now()
      const known = counts.get(key)
      const { current, endsAt } =
        known && known.endsAt > now
          ? { current: known.current + 1, endsAt: known.endsAt }
          : { current: 1, endsAt: now + windowMs }
      put(key, current, endsAt)
      return { current, ttlMs: endsAt - now }
    },
  }
}
