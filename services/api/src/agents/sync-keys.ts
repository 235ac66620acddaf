import type { Agent } from '@nora/contract/agents'
import { lockWorkspace, specOfAgent } from '@nora/db/agents'
import { DomainError } from '@nora/domain/errors'
import type { FastifyRequest } from 'fastify'
import type { Deps } from '../deps.ts'
import { idempotently, type Outcome } from '../http/idempotency.ts'
import { onlyOurCopy } from '../provider-keys/take-from-agents.ts'
import { pathOf } from './agent-path.ts'
import { requestOperation, requireIdle, takeTurn, viewNow } from './agent-turn.ts'
import { type KeyChange, replaceKeys } from './attach-keys.ts'
import { changedSpec } from './changed-spec.ts'
import { ringAll } from './ring-all.ts'

/**
 * Has a worker deliver the current versions of an agent's keys to that agent alone; with `providerKeyIds`, of these keys
 * from now on. DomainError `not-found`, `agent-busy`, `agent-not-running` (its next start delivers them anyway), and those
 * of `replaceKeys`.
 */
export async function syncKeys(
  deps: Deps,
  request: FastifyRequest,
  agentId: string,
  providerKeyIds: string[] | undefined,
): Promise<Outcome> {
  const who = request.caller
  let operationId: string | null = null
  const outcome = await idempotently(deps, request, async (tx) => {
    if (providerKeyIds) await lockWorkspace(tx, who.workspaceId)
    const turn = await takeTurn(tx, agentId)
    requireIdle(turn)
    if (turn.agent.desired_state !== 'running') {
      throw new DomainError('agent-not-running', {}, { detail: 'its keys are delivered at its next start' })
    }
    if (providerKeyIds) changedSpec(deps, await specOfAgent(tx, agentId), {}, providerKeyIds)
    const change = providerKeyIds ? await replaceKeys(tx, who, turn.agent, providerKeyIds) : noChange
    operationId = await requestOperation(tx, who, agentId, {
      kind: 'sync-keys',
      input: { takesKeyBack: change.detached.length > 0 },
    })
    return {
      status: 202,
      location: pathOf(who, agentId, operationId),
      body: withNotice(await viewNow(tx, agentId), change),
    }
  })
  await ringAll(deps, [operationId])
  return outcome
}

const noChange: KeyChange = { attached: [], detached: [] }

/** Says what taking a key away cannot do, where one was taken. */
export const withNotice = (agent: Agent, change: KeyChange): Agent =>
  change.detached.length > 0 ? { ...agent, notice: onlyOurCopy } : agent
