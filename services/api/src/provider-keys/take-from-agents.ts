import type { Tx } from '@nora/db/actor'
import { detachKeys } from '@nora/db/agent-keys'
import { appendEvent } from '@nora/events/append'
import { auditAction, type Who } from '../agents/write-audit.ts'
import { type Holder, queueSync } from './sync-holders.ts'

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
    const operationId = await queueSync(tx, who, agent, 'waiting for a worker to take a key back', {
      detached: [keyId],
      takesKeyBack: true,
    })
    await appendEvent(tx, { id: agent.id, workspaceId: who.workspaceId }, 'keys.detached', {
      providerKeyIds: [keyId],
      operationId,
    })
    await auditAction(tx, who, 'AGENT_KEYS_CHANGED', { kind: 'agent', id: agent.id }, { detached: [keyId] })
    detached.push({ agentId: agent.id, operationId })
  }
  return detached
}
