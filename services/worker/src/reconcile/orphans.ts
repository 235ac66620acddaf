import { type FleetAgent, reportSecurityEvent } from '@nora/db/fleet'
import type { DB } from '@nora/db/schema'
import type { Logger } from '@nora/log/logger'
import type { Kysely } from 'kysely'
import type { Backend, ListedContainer } from '../backends/backend.ts'

/**
 * Containers of this installation by their labels whose agent is not in the fleet (unknown, or deleted), and copies of
 * one whose agent has its own. Pure.
 */
export function findOrphans(
  agents: readonly FleetAgent[],
  listed: readonly ListedContainer[],
): ListedContainer[] {
  const known = new Set(agents.map((agent) => agent.agentId))
  const named = new Set(listed.filter((one) => !one.renamed).map((one) => one.agentId))
  return listed.filter((one) => !known.has(one.agentId) || (one.renamed && named.has(one.agentId)))
}

/**
 * Removes orphans that were seen in two passes at least `graceMs` apart: a container may be a moment older than the
 * commit that makes its agent known, and a create that was in flight when its agent was deleted lands late.
 */
export function orphanRemover(
  deps: { db: Kysely<DB>; backend: Backend; log: Logger },
  graceMs: number,
): (agents: readonly FleetAgent[], listed: readonly ListedContainer[], signal: AbortSignal) => Promise<void> {
  const firstSeen = new Map<string, number>()
  return async (agents, listed, signal) => {
    const orphans = findOrphans(agents, listed)
    const ids = new Set(orphans.map((orphan) => orphan.containerId))
    for (const id of firstSeen.keys()) if (!ids.has(id)) firstSeen.delete(id)
    for (const orphan of orphans) {
      const since = firstSeen.get(orphan.containerId)
      if (since === undefined) firstSeen.set(orphan.containerId, Date.now())
      if (since === undefined || Date.now() - since < graceMs) continue
      // The row first: without it nothing is removed.
      await reportSecurityEvent(deps.db, {
        type: 'ORPHAN_REMOVED',
        // Its label is only a claim; the audit row belongs to no workspace.
        workspaceId: null,
        target: { kind: 'container', id: orphan.containerId },
        details: { name: orphan.name, agentId: orphan.agentId, workspaceId: orphan.workspaceId },
      })
      await deps.backend.removeOrphan(orphan, AbortSignal.any([signal, AbortSignal.timeout(30_000)]))
      firstSeen.delete(orphan.containerId)
      deps.log.warn({ ...orphan }, 'an orphaned container was removed')
    }
  }
}
