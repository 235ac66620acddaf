import type { FastifyRateLimitStoreCtor } from '@fastify/rate-limit'
import type { Redis } from 'ioredis'

type Count = { current: number; ttl: number }
type Callback = (error: Error | null, result?: Count) => void
type Store = {
  incr: (key: string, callback: Callback, windowMs: number) => void
  child: (options: { skipOnError?: boolean }) => Store
}

const countScript = `
  local current = redis.call('INCR', KEYS[1])
  if current == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
  return {current, redis.call('PTTL', KEYS[1])}
`
const maxKeysInMemory = 10_000
const pauseMs = 1_000

/**
 * Where @fastify/rate-limit counts: in Redis, shared by every api process. When Redis is lost, a limiter with
 * `skipOnError` counts in this process's memory instead, and any other one fails, so that its call is refused.
 */
export function rateLimitStore(redis: Redis): FastifyRateLimitStoreCtor {
  const memory = memoryCounter()
  // A Redis that hangs costs one call its deadline, then for a moment nobody asks it.
  let askAgainAt = 0
  const create = (fallBack: boolean): Store => ({
    incr(key, callback, windowMs) {
      if (fallBack && performance.now() < askAgainAt) return callback(null, memory(key, windowMs))
      countInRedis(redis, key, windowMs).then(
        (count) => callback(null, count),
        (error) => {
          if (!fallBack) return callback(error)
          askAgainAt = performance.now() + pauseMs
          callback(null, memory(key, windowMs))
        },
      )
    },
    child: (options) => create(options.skipOnError === true),
  })
  return function store() {
    return create(false)
  } as unknown as FastifyRateLimitStoreCtor
}

async function countInRedis(redis: Redis, key: string, windowMs: number): Promise<Count> {
  if (redis.status !== 'ready') throw new Error('Redis is not connected')
  const [current, ttl] = (await redis.eval(countScript, 1, `nora:limit:${key}`, windowMs)) as [number, number]
  return { current, ttl }
}

function memoryCounter() {
  const counts = new Map<string, { current: number; endsAt: number }>()
  return (key: string, windowMs: number): Count => {
    const now = performance.now()
    let count = counts.get(key)
    if (!count || count.endsAt <= now) {
      count = { current: 0, endsAt: now + windowMs }
      counts.delete(key)
      counts.set(key, count)
    }
    count.current += 1
    if (counts.size > maxKeysInMemory) counts.delete(counts.keys().next().value!) // the oldest window
    return { current: count.current, ttl: count.endsAt - now }
  }
}
