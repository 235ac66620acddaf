import type { Tx } from '@nora/db/actor'
import { attachedKeys, attachKeys, detachKeys } from '@nora/db/agent-keys'
import { visibleCredentials } from '@nora/db/credentials'
import { DomainError } from '@nora/domain/errors'
import { appendEvent } from '@nora/events/append'
import { auditAction, type Who } from './write-audit.ts'

export type KeyChange = { attached: string[]; detached: string[] }

/**
 * Makes these the keys that an agent holds. A key that it holds already stays, whoever's it is; a new one must be one
 * the caller may see, and of the agent's owner or shared, which is what a worker asks again when it delivers. The
 * caller has locked the workspace. DomainError `not-found` (absent and hidden alike), `key-not-shared`,
 * `key-not-shareable`.
 */
export async function replaceKeys(
  tx: Tx,
  who: Who,
  agent: { id: string; owner_id: string },
  wanted: readonly string[],
): Promise<KeyChange> {
  const held = await attachedKeys(tx, agent.id)
  const attached = wanted.filter((id) => !held.includes(id))
  const detached = held.filter((id) => !wanted.includes(id))
  await requireUsable(tx, agent.owner_id, wanted, attached)
  await detachKeys(tx, agent.id, detached)
  await attachKeys(tx, { id: agent.id, workspaceId: who.workspaceId }, attached)
  const place = { id: agent.id, workspaceId: who.workspaceId }
  if (attached.length > 0) await appendEvent(tx, place, 'keys.attached', { providerKeyIds: attached })
  if (detached.length > 0) await appendEvent(tx, place, 'keys.detached', { providerKeyIds: detached })
  if (attached.length + detached.length > 0) {
    await auditAction(tx, who, 'AGENT_KEYS_CHANGED', { kind: 'agent', id: agent.id }, { attached, detached })
  }
  return { attached, detached }
}

async function requireUsable(
  tx: Tx,
  agentOwner: string,
  wanted: readonly string[],
  fresh: readonly string[],
): Promise<void> {
  if (fresh.length === 0) return
  const visible = new Map((await visibleCredentials(tx, fresh)).map((row) => [row.id, row]))
  for (const id of fresh) {
    const path = `body/providerKeyIds/${wanted.indexOf(id)}`
    const key = visible.get(id)
    if (!key) throw new DomainError('not-found', { errors: [{ path, message: 'there is no such key' }] })
    if (key.kind === 'exchange' && key.owner_id !== agentOwner) {
      throw new DomainError('key-not-shareable', {
        errors: [{ path, message: 'the agent belongs to somebody else' }],
      })
    }
    if (key.owner_id !== agentOwner && !key.shared_with_workspace) {
      throw new DomainError('key-not-shared', {
        errors: [{ path, message: 'the agent belongs to somebody else' }],
      })
    }
  }
}
