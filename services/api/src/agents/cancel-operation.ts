import type { Tx } from '@nora/db/actor'
import { cancelOperation, type OpenOperation, operationOfAgent, statusOfOperation } from '@nora/db/operations'
import type { DesiredState } from '@nora/db/schema'
import { requireOpenWorkspace } from '@nora/db/workspaces'
import { DomainError } from '@nora/domain/errors'
import { appendEvent } from '@nora/events/append'
import type { FastifyRequest } from 'fastify'
import type { Deps } from '../deps.ts'
import { idempotently, type Outcome } from '../http/idempotency.ts'
import { type Before, changeState, owesKey, requestOperation, type Turn, takeTurn } from './agent-turn.ts'
import { operationView } from './operation-view.ts'
import { ringAll } from './ring-all.ts'
import { auditAction, type Who } from './write-audit.ts'

/** `cancelInTurn` for the people of the agent's workspace, with the operation as it stands afterwards. */
export async function cancel(
  deps: Deps,
  request: FastifyRequest,
  agentId: string,
  operationId: string,
): Promise<Outcome> {
  let rung: string | null = null
  const outcome = await idempotently(deps, request, async (tx) => {
    rung = await cancelInTurn(tx, request.actor, agentId, operationId)
    return { status: 202, body: operationView((await operationOfAgent(tx, agentId, operationId))!) }
  })
  await ringAll(deps, [rung])
  return outcome
}

/**
 * Cancels an operation: at once when no worker has begun it, else by asking a worker to undo it. What the agent should be
 * goes back to what it was before the operation. Gives an operation to ring for, if undoing takes one. DomainError
 * `not-found`, `operation-finished`, `agent-busy` for a delete that has begun, since nobody can put back what it took, and for
 * a sync that takes a key or a permission back.
 */
export async function cancelInTurn(
  tx: Tx,
  who: Who,
  agentId: string,
  operationId: string,
): Promise<string | null> {
  const turn = await takeTurn(tx, agentId)
  const open = turn.open.find((operation) => operation.id === operationId)
  if (open) return cancelOpen(tx, who, turn, open, open.started_at !== null)
  const status = await statusOfOperation(tx, agentId, operationId)
  if (status === undefined) throw new DomainError('not-found')
  throw new DomainError('operation-finished', { status })
}

async function cancelOpen(
  tx: Tx,
  who: Who,
  turn: Turn,
  open: OpenOperation,
  begun: boolean,
): Promise<string | null> {
  // What goes with its workspace is not held back alone.
  if (open.kind === 'delete') await requireOpenWorkspace(tx)
  if (open.kind === 'delete' && begun) {
    throw new DomainError('agent-busy', {}, { detail: 'deleting has begun and cannot be taken back' })
  }
  if (open.kind === 'sync-keys' && owesKey(open)) {
    throw new DomainError(
      'agent-busy',
      {},
      { detail: 'it takes a key or a permission out of the agent and cannot be cancelled' },
    )
  }
  const { id: agentId } = turn.agent
  // One that waits for its next try has left things behind: a worker takes it up again, to undo them.
  const status = begun ? 'leased' : 'pending'
  const how = await cancelOperation(tx, { id: open.id, status }, 'cancelled before it began')
  const facts = { operationId: open.id, kind: open.kind }
  await appendEvent(tx, { id: agentId, workspaceId: who.workspaceId }, 'operation.cancelled', facts)
  await auditAction(tx, who, 'OPERATION_CANCELLED', { kind: 'agent', id: agentId }, facts)
  return putBack(tx, who, turn, open, how)
}

/** Undoes what the request of `open` had written about the agent; gives an operation to ring for, if that takes one. */
async function putBack(
  tx: Tx,
  who: Who,
  { agent, open: all }: Turn,
  open: OpenOperation,
  how: 'cancelled' | 'requested',
): Promise<string | null> {
  // Something later has been asked for: that is what holds. A sync says nothing of what should be.
  if (all.findLast(({ kind, id }) => kind !== 'sync-keys' || id === open.id)?.id !== open.id) return null
  const { before, resume } = open.input as { before?: Before; resume?: DesiredState }
  const takeBack = () =>
    requestOperation(tx, who, agent.id, { kind: 'sync-keys', input: { takesKeyBack: true } })
  if (how === 'requested') {
    await changeState(tx, agent, {
      desired: before?.desired ?? resume ?? agent.desired_state,
      state: agent.state,
      reason: `cancelling ${open.kind}: waiting for the worker that has it`,
    })
    return owesKey(open) ? takeBack() : null
  }
  if (before) {
    await changeState(tx, agent, { desired: before.desired, state: before.state, reason: before.reason })
    return null
  }
  if (resume === undefined) return null
  // A stop that had cut another operation short: only a worker can say how the agent stands now.
  await changeState(tx, agent, {
    desired: resume,
    state: 'queued',
    reason: `${open.kind} was cancelled: waiting for a worker to look`,
  })
  return owesKey(open) ? takeBack() : requestOperation(tx, who, agent.id, { kind: 'reconcile', input: {} })
}
