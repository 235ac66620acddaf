import type { CreateAgent } from '@nora/contract/agents'
import type { Tx } from '@nora/db/actor'
import { countAgents, insertAgent, lockWorkspace, takeAgentRoom } from '@nora/db/agents'
import { requireOpenWorkspace } from '@nora/db/workspaces'
import { countExceeds } from '@nora/domain/quotas'
import { appendEvent } from '@nora/events/append'
import type { FastifyRequest } from 'fastify'
import type { Deps } from '../deps.ts'
import { idempotently, type Outcome } from '../http/idempotency.ts'
import { pathOf } from './agent-path.ts'
import { requestOperation, viewNow } from './agent-turn.ts'
import { replaceKeys } from './attach-keys.ts'
import { checkSpec } from './check-spec.ts'
import type { InTurn } from './in-turn.ts'
import { quotaExceeded } from './quota-exceeded.ts'
import { ringAll } from './ring-all.ts'
import { auditAction } from './write-audit.ts'

/**
 * Writes an agent that should run, with its keys, its first operation, event and audit rows, in one transaction, and
 * then rings. Counting and inserting happen under one lock of the workspace, and at last under one of the server, so both quotas
 * are exact whoever else creates.
 * DomainError `quota-exceeded`, `target-unavailable`, `profile-unavailable`, `runtime-unknown`, `invalid-agent`,
 * `secret-in-env`, `not-found` or `key-not-shared` for a key.
 */
export async function createAgent(
  deps: Deps,
  inTurn: InTurn,
  request: FastifyRequest,
  input: CreateAgent,
): Promise<Outcome> {
  const who = request.caller
  const spec = checkSpec(deps.config, input)
  let operationId: string | null = null
  const insert = async (tx: Tx) => {
    await lockWorkspace(tx, who.workspaceId)
    await requireOpenWorkspace(tx)
    const exceeded = countExceeds(deps.config.limits, await countAgents(tx, who.workspaceId))
    if (exceeded) throw quotaExceeded(exceeded)
    const id = await insertAgent(tx, {
      ...spec,
      workspaceId: who.workspaceId,
      ownerId: who.userId,
      name: input.name,
      runtime: input.runtime,
      target: 'docker',
      sandboxProfile: 'standard',
    })
    await appendEvent(tx, { id, workspaceId: who.workspaceId }, 'agent.created', {
      name: input.name,
      runtime: input.runtime,
    })
    await auditAction(
      tx,
      who,
      'AGENT_CREATED',
      { kind: 'agent', id },
      {
        name: input.name,
        runtime: input.runtime,
        image: spec.image,
      },
    )
    await replaceKeys(tx, who, { id, owner_id: who.userId }, input.providerKeyIds ?? [])
    operationId = await requestOperation(tx, who, id, {
      kind: 'provision',
      input: {
        before: {
          state: 'stopped',
          reason: 'provisioning was cancelled; start the agent to try again',
          desired: 'stopped',
        },
      },
    })
    const body = await viewNow(tx, id)
    // Last, so that others' creations wait for no more than the end of this one.
    const total = deps.config.maxAgentsTotal
    if (!(await takeAgentRoom(tx, total))) {
      throw quotaExceeded({ quota: 'MAX_AGENTS_TOTAL', limit: total, requested: total + 1 })
    }
    return { status: 202, location: pathOf(who, id), body }
  }
  const outcome = await inTurn(who.workspaceId, () => idempotently(deps, request, insert))
  await ringAll(deps, [operationId])
  return outcome
}
