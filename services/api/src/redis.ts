import type { FastifyBaseLogger } from 'fastify'
import { Redis } from 'ioredis'

/**
 * A connection for counting and asking. Whoever asks says how long they wait (`answerWithin`); a command that nobody waits for
 * any more fails after 10 s, and while Redis is away at once, instead of waiting in a queue. Reconnects for ever, at most every 2 s.
 * @param url a `redis://` URL or the path of a unix socket.
 */
export function connectRedis(url: string, log: FastifyBaseLogger): Redis {
  const redis = new Redis(url, {
    commandTimeout: 10_000,
    connectTimeout: 2_000,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    // What requests ask in the same turn of the event loop goes out in one write; each still has its own answer.
    enableAutoPipelining: true,
    retryStrategy: (attempt) => Math.min(attempt * 100, 2_000),
  })
  return logged(redis, log)
}

/** The connection of the doorbell, which has its own deadline (see `ring`). */
export function connectQueue(url: string, log: FastifyBaseLogger): Redis {
  const redis = new Redis(url, {
    connectTimeout: 2_000,
    maxRetriesPerRequest: 1,
    enableOfflineQueue: false,
    retryStrategy: (attempt) => Math.min(attempt * 100, 2_000),
  })
  return logged(redis, log)
}

// One line when it goes and one when it comes back, however often it is tried in between.
function logged(redis: Redis, log: FastifyBaseLogger): Redis {
  let down = false
  redis.on('error', (error: Error) => {
    if (!down) log.warn({ err: error }, 'redis is not reachable')
    down = true
  })
  redis.on('ready', () => {
    if (down) log.info('redis is reachable again')
    down = false
  })
  return redis
}
