import type { Tx } from '@nora/db/actor'
import type { holdersOf } from '@nora/db/credentials'
import { insertOperation, openOperations } from '@nora/db/operations'
import type { Who } from '../agents/write-audit.ts'

export type Holder = Awaited<ReturnType<typeof holdersOf>>[number]

/** Facts for whoever carries the sync out or cancels it. */
export type SyncInput = { detached?: string[]; takesKeyBack: true }

/**
 * Whether an agent has files that must change: it runs, or it stops and the stop may be cancelled yet. Any other gets its
 * keys anew at its next start.
 */
async function holdsFile(tx: Tx, agent: Holder): Promise<boolean> {
  if (agent.desired_state === 'running') return true
  return agent.desired_state === 'stopped' && (await openOperations(tx, [agent.id])).length > 0
}

/** Queues the sync that changes the files of an agent that runs, behind whatever is open there; null: it has none. */
export async function queueSync(
  tx: Tx,
  who: Who,
  agent: Holder,
  reason: string,
  input: SyncInput,
): Promise<string | null> {
  if (!(await holdsFile(tx, agent))) return null
  return insertOperation(tx, {
    workspaceId: who.workspaceId,
    target: { agentId: agent.id },
    kind: 'sync-keys',
    requestedBy: who.userId,
    correlationId: who.correlationId,
    reason,
    input,
  })
}

/**
 * Has those of these agents that run told that they may not trade any more. As with a key that is taken back, a sync that
 * does not come through is owed. Gives the operations to ring for.
 */
export async function queueSyncs(tx: Tx, who: Who, holders: readonly Holder[]): Promise<(string | null)[]> {
  const operations: (string | null)[] = []
  for (const agent of holders) {
    const reason = 'waiting for a worker to take a permission back'
    operations.push(await queueSync(tx, who, agent, reason, { takesKeyBack: true }))
  }
  return operations
}
