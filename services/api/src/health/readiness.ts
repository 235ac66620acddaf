import { liveWorkers } from '@nora/db/registry-read'
import type { Deps } from '../deps.ts'
import { answerWithin } from '../http/answer-within.ts'

/** `worker`: none has been seen for 15 s. `worker-key`: none of those seen opens what this api seals. */
export type MissingPart = 'postgres' | 'redis' | 'worker' | 'worker-key'

const freshSeconds = 15
const deadlineMs = 2_000
const keptMs = 1_000
/** What is missing may be there in a moment, and somebody waits for it. */
const keptMissingMs = 100

/**
 * Gives a function that says what is missing before this api can serve. That nothing is stays so for a second, that something
 * is for a tenth of one.
 */
export function readiness(deps: Deps): () => Promise<MissingPart[]> {
  let kept: { until: number; parts: Promise<MissingPart[]> } | undefined
  return () => {
    if (!kept || performance.now() > kept.until) {
      const looking = { until: Number.POSITIVE_INFINITY, parts: look(deps) }
      kept = looking
      void looking.parts.then((parts) => {
        looking.until = performance.now() + (parts.length === 0 ? keptMs : keptMissingMs)
      })
    }
    return kept.parts
  }
}

async function look(deps: Deps): Promise<MissingPart[]> {
  const [database, redis] = await Promise.all([
    settle(deps, 'postgres', workerParts(deps)),
    settle(deps, 'redis', redisParts(deps)),
  ])
  return [...database, ...redis]
}

async function workerParts(deps: Deps): Promise<MissingPart[]> {
  const workers = await liveWorkers(deps.db, freshSeconds)
  if (workers.length === 0) return ['worker']
  const { kid8 } = deps.sealKey
  // Also with a key that is older than a worker's own: while keys are exchanged, what is sealed with it still opens.
  const opens = (all: Buffer) => {
    for (let at = 0; at < all.length; at += kid8.length) {
      if (all.subarray(at, at + kid8.length).equals(kid8)) return true
    }
    return false
  }
  return workers.some((worker) => worker.kid8.equals(kid8) || opens(worker.opens)) ? [] : ['worker-key']
}

async function redisParts(deps: Deps): Promise<MissingPart[]> {
  if (deps.redis.status !== 'ready') return ['redis']
  await deps.redis.ping()
  return []
}

/** What a check found, or the part itself when the check failed or did not end in time. */
async function settle(deps: Deps, part: MissingPart, check: Promise<MissingPart[]>): Promise<MissingPart[]> {
  try {
    return await answerWithin(deadlineMs, check)
  } catch (error) {
    deps.log.warn({ err: error, part }, 'not ready')
    return [part]
  }
}
