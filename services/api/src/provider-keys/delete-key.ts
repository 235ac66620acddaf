import type { DetachedProviderKey } from '@nora/contract/provider-keys'
import { withActor } from '@nora/db/actor'
import { lockWorkspace } from '@nora/db/agents'
import { deleteCredential, holdersOf } from '@nora/db/credentials'
import { DomainError } from '@nora/domain/errors'
import { ringAll } from '../agents/ring-all.ts'
import { auditAction } from '../agents/write-audit.ts'
import type { Deps } from '../deps.ts'
import type { RequestActor } from '../http/sessions.ts'
import type { Family } from './family.ts'
import { ownKey } from './own-key.ts'
import { onlyOurCopy, takeFromAgents } from './take-from-agents.ts'

/**
 * Deletes an own key. DomainError `provider-key-in-use` (each family has its own code) with the agents that hold it, unless `force`: then it is taken
 * from each and their syncs are rung for. Undefined when nobody held it.
 */
export async function deleteKey(
  deps: Deps,
  who: RequestActor,
  family: Family,
  id: string,
  force: boolean,
): Promise<DetachedProviderKey | undefined> {
  const detached = await withActor(deps.db, who.actor, async (tx) => {
    await lockWorkspace(tx, who.workspaceId)
    await ownKey(tx, family, who, id)
    const holders = await holdersOf(tx, id)
    if (holders.length > 0 && !force) throw inUse(family, holders)
    const taken = await takeFromAgents(tx, who, id, holders)
    if (!(await deleteCredential(tx, id))) throw new DomainError('not-found')
    await auditAction(
      tx,
      who,
      `${family.event}_DELETED`,
      { kind: family.target, id },
      {
        detachedFrom: taken.map((one) => one.agentId),
      },
    )
    return taken
  })
  await ringAll(
    deps,
    detached.map((one) => one.operationId),
  )
  return detached.length > 0 ? { detachedFrom: detached, notice: onlyOurCopy } : undefined
}

/** 409 with the agents by id and name. */
export function inUse(
  family: Pick<Family, 'inUse'>,
  holders: readonly { id: string; name: string }[],
): DomainError {
  return new DomainError(
    family.inUse,
    { agents: holders.map(({ id, name }) => ({ id, name })) },
    { detail: 'detach it from these agents first, or repeat with ?force=true' },
  )
}
