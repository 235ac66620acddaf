import type { Agent, UpdateAgent } from '@nora/contract/agents'
import { type Tx, withActor } from '@nora/db/actor'
import { attachedKeys, holdsForeignKey } from '@nora/db/agent-keys'
import { type AgentSpecRow, lockWorkspace, specOfAgent, updateAgentSpec } from '@nora/db/agents'
import { DomainError } from '@nora/domain/errors'
import { appendEvent } from '@nora/events/append'
import type { Deps } from '../deps.ts'
import type { RequestActor } from '../http/sessions.ts'
import { requestOperation, requireIdle, type Turn, takeTurn, viewNow } from './agent-turn.ts'
import { type KeyChange, replaceKeys } from './attach-keys.ts'
import { changedSpec } from './changed-spec.ts'
import { ringAll } from './ring-all.ts'
import { withNotice } from './sync-keys.ts'
import { auditAction } from './write-audit.ts'

/** Whoever sets one of these runs code as the agent, and so can read the keys it holds. */
const powerful: readonly (keyof AgentSpecRow)[] = ['image', 'command', 'env', 'config']

/**
 * Changes an agent: its name at once; its spec as a new generation that the next start, restart or redeploy applies; its
 * keys by a sync, when it should be running. DomainError `not-found`, `agent-busy`, `agent-holds-foreign-key`, and those
 * of `checkSpec` and `replaceKeys`.
 */
export async function updateAgent(
  deps: Deps,
  who: RequestActor,
  id: string,
  input: UpdateAgent,
): Promise<Agent> {
  const { name, providerKeyIds, ...asked } = input
  const { view, operationId } = await withActor(deps.db, who.actor, async (tx) => {
    if (providerKeyIds) await lockWorkspace(tx, who.workspaceId)
    const turn = await takeTurn(tx, id)
    const renamesOnly = !providerKeyIds && Object.keys(asked).length === 0
    if (!renamesOnly) requireIdle(turn)
    const keyIds = providerKeyIds ?? (await attachedKeys(tx, id))
    const spec = renamesOnly ? {} : changedSpec(deps, await specOfAgent(tx, id), asked, keyIds)
    const changed = Object.keys(spec) as (keyof AgentSpecRow)[]
    if (changed.some((field) => powerful.includes(field)) && (await holdsForeignKey(tx, id))) {
      throw new DomainError('agent-holds-foreign-key')
    }
    const renamed = name !== undefined && name !== turn.agent.name
    if (renamed || changed.length > 0) {
      await updateAgentSpec(tx, id, { ...spec, ...(renamed && { name }) }, changed.length > 0)
      const fields = [...(renamed ? ['name'] : []), ...changed].sort()
      await appendEvent(tx, { id, workspaceId: who.workspaceId }, 'agent.updated', { fields })
      await auditAction(tx, who, 'AGENT_UPDATED', { kind: 'agent', id }, { fields, image: spec.image })
    }
    const keys = providerKeyIds ? await replaceKeys(tx, who, turn.agent, providerKeyIds) : undefined
    const operationId = keys ? await syncChange(tx, who, turn, keys) : null
    const view = await viewNow(tx, id)
    return { view: keys ? withNotice(view, keys) : view, operationId }
  })
  await ringAll(deps, [operationId])
  return view
}

async function syncChange(
  tx: Tx,
  who: RequestActor,
  { agent }: Turn,
  change: KeyChange,
): Promise<string | null> {
  const changed = change.attached.length + change.detached.length > 0
  if (!changed || agent.desired_state !== 'running') return null
  return requestOperation(tx, who, agent.id, {
    kind: 'sync-keys',
    input: { takesKeyBack: change.detached.length > 0 },
  })
}
