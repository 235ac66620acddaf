import { agentsWithoutData, type FleetAgent, fleet, reportSecurityEvent } from '@nora/db/fleet'
import type { DB } from '@nora/db/schema'
import type { Logger } from '@nora/log/logger'
import type { Kysely } from 'kysely'
import { answering } from '../backends/answering.ts'
import type { Backend, Leftover } from '../backends/backend.ts'

/** Removed in one round at the most; the rest waits for the next. */
const mostAtOnce = 20

/** What names no agent of the fleet. Pure. */
export function findLeftovers(agents: readonly FleetAgent[], there: readonly Leftover[]): Leftover[] {
  const known = new Set(agents.map((agent) => agent.agentId))
  return there.filter((one) => !known.has(one.agentId))
}

/** Those of `leftovers` that may go: storage only of agents that were deleted with their data, which a row says. Pure. */
export function removable(leftovers: readonly Leftover[], withoutData: ReadonlySet<string>): Leftover[] {
  return leftovers.filter((one) => one.kind !== 'storage' || withoutData.has(one.agentId))
}

/**
 * One round that removes networks, key folders, helpers and storage of agents that are gone, seen in two rounds at least
 * `graceMs` apart: what a worker that was killed in the middle, or an engine that answered too late, left. What is on the
 * engine is listed before the fleet is read, so that whatever is being made is known by then.
 */
export function leftoverSweep(
  deps: { db: Kysely<DB>; backend: Backend; log: Logger },
  graceMs: number,
): (signal: AbortSignal) => Promise<void> {
  const firstSeen = new Map<string, number>()
  return async (signal) => {
    const there = await answering(25_000, signal, (bounded) => deps.backend.possessions(bounded))
    const found = findLeftovers(await fleet(deps.db), there)
    const stored = found.filter(({ kind }) => kind === 'storage').map(({ agentId }) => agentId)
    const gone = removable(found, new Set(stored.length > 0 ? await agentsWithoutData(deps.db, stored) : []))
    const keyOf = ({ kind, id }: Leftover) => `${kind} ${id}`
    const now = Date.now()
    const keys = new Set(gone.map(keyOf))
    for (const key of firstSeen.keys()) if (!keys.has(key)) firstSeen.delete(key)
    for (const key of keys) if (!firstSeen.has(key)) firstSeen.set(key, now)
    const due = gone.filter((one) => now - (firstSeen.get(keyOf(one)) ?? now) >= graceMs).slice(0, mostAtOnce)
    const failures: unknown[] = []
    for (const one of due) {
      signal.throwIfAborted()
      // One that cannot go now must not keep the others.
      await remove(deps, one, signal).then(
        () => firstSeen.delete(keyOf(one)),
        (error) => failures.push(error),
      )
    }
    if (failures.length > 0) throw failures[0]
  }
}

async function remove(
  { db, backend, log }: { db: Kysely<DB>; backend: Backend; log: Logger },
  leftover: Leftover,
  signal: AbortSignal,
): Promise<void> {
  // The row first: without it nothing is removed.
  await reportSecurityEvent(db, {
    type: 'ORPHAN_REMOVED',
    // A label is only a claim; the audit row belongs to no workspace.
    workspaceId: null,
    target: { kind: leftover.kind, id: leftover.id },
    details: { agentId: leftover.agentId },
  })
  await backend.removeLeftover(leftover, AbortSignal.any([signal, AbortSignal.timeout(60_000)]))
  log.warn({ ...leftover }, 'what an agent that is gone had left was removed')
}
