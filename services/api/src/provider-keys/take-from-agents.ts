import type { Tx } from '@nora/db/actor'
import { detachKeys } from '@nora/db/agent-keys'
import type { holdersOf } from '@nora/db/credentials'
import { insertOperation, openOperations } from '@nora/db/operations'
import { appendEvent } from '@nora/events/append'
import { auditAction, type Who } from '../agents/write-audit.ts'

type Holder = Awaited<ReturnType<typeof holdersOf>>[number]

/** What nobody can take back, said wherever a key is taken from an agent. */
export const onlyOurCopy =
  "Only Nora's copy was taken back. Whatever ran in the agent may have kept the key: replace it at the provider if the agent must not have it."

export type Detached = { agentId: string; operationId: string | null }

/**
 * Takes a key from agents and queues the sync that removes its file from those that run, behind whatever is open there
 * (a stop may be cancelled yet). An agent that does not run gets its keys anew at its next start.
 */
export async function takeFromAgents(
  tx: Tx,
  who: Who,
  keyId: string,
  holders: readonly Holder[],
): Promise<Detached[]> {
  const detached: Detached[] = []
  for (const agent of holders) {
    await detachKeys(tx, agent.id, [keyId])
    const stopping = agent.desired_state === 'stopped' && (await openOperations(tx, [agent.id])).length > 0
    const holdsFile = agent.desired_state === 'running' || stopping
    const operationId = holdsFile ? await queueSync(tx, who, agent.id, keyId) : null
    await appendEvent(tx, { id: agent.id, workspaceId: who.workspaceId }, 'keys.detached', {
      providerKeyIds: [keyId],
      operationId,
    })
    await auditAction(tx, who, 'AGENT_KEYS_CHANGED', { kind: 'agent', id: agent.id }, { detached: [keyId] })
    detached.push({ agentId: agent.id, operationId })
  }
  return detached
}

function queueSync(tx: Tx, who: Who, agentId: string, keyId: string): Promise<string> {
  return insertOperation(tx, {
    workspaceId: who.workspaceId,
    target: { agentId },
    kind: 'sync-keys',
    requestedBy: who.userId,
    correlationId: who.correlationId,
    reason: 'waiting for a worker to take a key back',
    input: { detached: [keyId], takesKeyBack: true },
  })
}
