import { setTimeout as delay } from 'node:timers/promises'
import {
  endSettle,
  type Followable,
  followable,
  isSettled,
  leaseFollower,
  releaseFollower,
  renewFollowers,
  requestSettle,
} from '@nora/db/followers'
import type { DB } from '@nora/db/schema'
import type { Logger } from '@nora/log/logger'
import type { Kysely } from 'kysely'
import type { Backend } from '../backends/backend.ts'
import type { Keyring } from '../secrets/open-secret.ts'
import { type AgentFollower, type FollowDeps, followAgent } from './follow-agent.ts'

export type FollowersDeps = {
  db: Kysely<DB>
  log: Logger
  workerId: string
  backend: Pick<Backend, 'logs'>
  keyring: Keyring
  /** Rings the bell of one agent's log; never throws. */
  ring(agentId: string): void
  limits?: Partial<FollowersLimits>
}

export type FollowersLimits = {
  /** Compressed bytes and days kept of one agent's log. */
  keptBytes: number
  keptDays: number
  /** Lines an agent may print for long, and at once; beyond it reading pauses. */
  linesPerSecond: number
  lineBurst: number
}

export type Followers = {
  /** Says that an agent's container was made, started or stopped: look now, not at the next poll. */
  poke(agentId: string): void
  /**
   * Waits until a container that has stopped is read and stored to its end, whichever worker follows it. `gap`: not
   * within `deadlineMs`, and the log will say so if it is removed now.
   */
  settle(
    agentId: string,
    containerId: string,
    deadlineMs: number,
    signal?: AbortSignal,
  ): Promise<'settled' | 'gap'>
  health(): { followed: number; reading: number; problems: { agentId: string; problem: string }[] }
  /** Gives the leases back. What was read and not stored yet is read again by whoever follows next. */
  stop(): Promise<void>
}

const defaults: FollowersLimits = {
  keptBytes: 64 * 1024 * 1024,
  keptDays: 14,
  linesPerSecond: 20_000,
  lineBurst: 2_000_000,
}
// The clocks of every lease: renewed each 2 s, given up by its holder after 4 s, over after 6 s.
const leaseMs = 6_000
const renewEveryMs = 2_000
const giveUpMs = 4_000
const pollEveryMs = 1_000
const leasesAtOnce = 8

type Held = { follower: AgentFollower; renewedAt: number }

/**
 * Follows the log of every agent that has a container and that no other worker follows. A poll each second is all it
 * relies on; `poke` shortens the wait.
 */
export function startFollowers(deps: FollowersDeps): Followers {
  const { db, workerId, log } = deps
  const limits = { ...defaults, ...deps.limits }
  const held = new Map<string, Held>()
  const pokes = new Set<string>()
  const stopping = new AbortController()
  const { signal } = stopping
  let wake = () => {}
  const follow: FollowDeps = {
    ...deps,
    limits: { keptBytes: limits.keptBytes, keptDays: limits.keptDays, leaseMs },
    lines: { perSecond: limits.linesPerSecond, burst: limits.lineBurst },
    // Every commit extends the lease.
    ring(agentId) {
      const one = held.get(agentId)
      if (one) one.renewedAt = performance.now()
      deps.ring(agentId)
    },
  }

  async function poll(): Promise<void> {
    const poked = new Set(pokes)
    pokes.clear()
    const agents = await followable(db, workerId)
    const listed = new Set<string>()
    const fresh: Followable[] = []
    for (const agent of agents) {
      listed.add(agent.agentId)
      const known = held.get(agent.agentId)
      if (known) known.follower.update(agent, poked.has(agent.agentId))
      else if (agent.containerId !== null) fresh.push(agent)
    }
    // The agent is gone, or has no container any more: nothing to follow.
    for (const [agentId, one] of held) if (!listed.has(agentId)) void giveUp(agentId, one)
    for (let i = 0; i < fresh.length; i += leasesAtOnce) {
      signal.throwIfAborted()
      await Promise.all(fresh.slice(i, i + leasesAtOnce).map(take))
    }
  }

  async function take(agent: Followable): Promise<void> {
    const { agentId } = agent
    const before = performance.now()
    const fence = await leaseFollower(db, agentId, workerId, leaseMs)
    if (fence === null || signal.aborted) return
    const follower = followAgent(follow, { kind: 'follower', agentId, workerId, fence }, agent)
    const one = { follower, renewedAt: before }
    held.set(agentId, one)
    void follower.over.then((error) => {
      if (held.get(agentId) !== one) return
      if (error) log.warn({ agentId, err: error }, 'following an agent’s log ended; it is taken up again')
      void giveUp(agentId, one)
    })
  }

  async function giveUp(agentId: string, one: Held): Promise<void> {
    if (held.get(agentId) === one) held.delete(agentId)
    await one.follower.stop()
    await releaseFollower(db, agentId, workerId, one.follower.fence).catch((error) => {
      log.debug({ agentId, err: error }, 'a log’s lease was not given back; it ends by itself')
    })
  }

  async function renew(): Promise<void> {
    const before = performance.now()
    for (const { agentId, fence } of await renewFollowers(db, workerId, leaseMs)) {
      const one = held.get(agentId)
      if (one?.follower.fence === fence) one.renewedAt = before
    }
  }

  /** Whoever could not renew stops before somebody else may begin. */
  function dropLost(): void {
    const now = performance.now()
    for (const [agentId, one] of held) {
      if (now - one.renewedAt <= giveUpMs) continue
      held.delete(agentId)
      log.warn({ agentId }, 'the lease of an agent’s log was lost')
      void one.follower.stop()
    }
  }

  async function every(ms: number, what: string, work: () => Promise<void>, woken = false): Promise<void> {
    while (!signal.aborted) {
      await work().catch((error) => {
        if (!signal.aborted) log.warn({ err: error }, `${what} failed; it is tried again`)
      })
      const paused = new AbortController()
      if (woken) wake = () => paused.abort()
      const over = AbortSignal.any([signal, paused.signal])
      if (woken && pokes.size > 0) continue
      await delay(ms, undefined, { signal: over }).catch(() => undefined)
    }
  }

  const watch = setInterval(dropLost, 500)
  const loops = [
    every(pollEveryMs, 'looking for logs to follow', poll, true),
    every(renewEveryMs, 'renewing the leases of logs', renew),
  ]

  return {
    poke(agentId) {
      pokes.add(agentId)
      wake()
    },
    async settle(agentId, containerId, deadlineMs, given) {
      const over = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs), ...(given ? [given] : [])])
      const request = await requestSettle(db, agentId, containerId)
      if (request === null) return 'gap'
      pokes.add(agentId)
      wake()
      for (let wait = 10; !over.aborted; wait = Math.min(wait * 2, 200)) {
        if (await isSettled(db, agentId, request)) return 'settled'
        await delay(wait, undefined, { signal: over }).catch(() => undefined)
      }
      await endSettle(db, agentId, request)
      return 'gap'
    },
    health() {
      const all = [...held].map(([agentId, { follower }]) => ({ agentId, ...follower.status() }))
      const problems = all.flatMap(({ agentId, problem }) => (problem === null ? [] : [{ agentId, problem }]))
      return { followed: all.length, reading: all.filter((one) => one.reading).length, problems }
    },
    async stop() {
      stopping.abort(new Error('the worker stops'))
      clearInterval(watch)
      await Promise.all(loops)
      await Promise.all([...held].map(([agentId, one]) => giveUp(agentId, one)))
    },
  }
}
