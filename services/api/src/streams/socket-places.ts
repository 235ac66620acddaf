import type { Deps } from '../deps.ts'
import { answerWithin } from '../http/answer-within.ts'
import { blind } from '../http/limits.ts'

// Members are open sockets, scores the moment until which each is believed in: one whose api died is not counted for long.
// Redis' own clock, since the apis' may differ.
const takeScript = `
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
  if ARGV[2] ~= '' and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
  for i = 3, #ARGV do redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[i]) end
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  return 1
`
/** Open sockets of one person, of every kind. */
export const mostSockets = 20
/** How often a process says that it still has its sockets, how long one is believed, and how long Redis may take to say. */
const socketTimes = { renewMs: 4_000, leaseMs: 12_000, patienceMs: 250 }

export type SocketPlaces = {
  /** False: the person has as many sockets open as one may have. A place that was taken must be given back. */
  take: (userId: string, socketId: string) => Promise<boolean>
  giveBack: (userId: string, socketId: string) => void
  stop: () => void
}

/**
 * The places that people's open sockets take, `most` for each over all api processes. Without Redis each process counts its
 * own alone; what it holds is counted again within seconds after Redis is back, or was flushed.
 */
export function socketPlaces(
  deps: Pick<Deps, 'redis' | 'config' | 'log'>,
  most: number,
  { renewMs, leaseMs, patienceMs } = socketTimes,
): SocketPlaces {
  const own = new Map<string, Set<string>>()
  const keyOf = (userId: string) => `nora:sockets:${blind(deps, userId)}`
  const inRedis = (userId: string, limit: string, ...ids: string[]) =>
    answerWithin(patienceMs, deps.redis.eval(takeScript, 1, keyOf(userId), leaseMs, limit, ...ids))
  const unsure = (error: unknown) =>
    deps.log.debug({ err: error }, 'sockets are counted in this process alone')

  const renewal = setInterval(() => {
    for (const [userId, ids] of own) inRedis(userId, '', ...ids).catch(unsure)
  }, renewMs)
  renewal.unref()

  const giveBack = (userId: string, socketId: string) => {
    const ids = own.get(userId)
    ids?.delete(socketId)
    if (ids?.size === 0) own.delete(userId)
    deps.redis.zrem(keyOf(userId), socketId).catch(unsure)
  }

  return {
    giveBack,
    stop: () => clearInterval(renewal),
    async take(userId, socketId) {
      const ids = own.get(userId) ?? new Set()
      if (ids.size >= most) return false
      own.set(userId, ids.add(socketId))
      const taken = await inRedis(userId, String(most), socketId).catch((error: unknown) => {
        unsure(error)
        return 1
      })
      if (taken === 1) return true
      giveBack(userId, socketId)
      return false
    },
  }
}
