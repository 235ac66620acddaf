import type { Tx } from '@nora/db/actor'
import { agentById } from '@nora/db/agent-reads'
import { type LockedAgent, lockAgent, lockTurn, setDesired } from '@nora/db/agents'
import { insertOperation, type OpenOperation, openOperations } from '@nora/db/operations'
import type { OperationKind } from '@nora/db/schema'
import { DomainError } from '@nora/domain/errors'
import { appendEvent } from '@nora/events/append'
import { auditAction, type Who } from './write-audit.ts'

/** An agent that this transaction alone may ask something of, with the operations that have not ended. */
export type Turn = { agent: LockedAgent; open: OpenOperation[] }

/** Takes the agent's turn. DomainError `not-found` when it is gone, or not of this workspace. */
export async function takeTurn(tx: Tx, agentId: string): Promise<Turn> {
  await lockTurn(tx, agentId)
  const open = await openOperations(tx, [agentId])
  const agent = await lockAgent(tx, agentId)
  if (!agent) throw new DomainError('not-found')
  return { agent, open }
}

/** DomainError `agent-busy` with the open operation; also for whatever is asked of an agent that is being deleted. */
export function requireIdle({ agent, open }: Turn): void {
  const first = open[0]
  if (first) {
    throw new DomainError(
      'agent-busy',
      {
        operation: {
          id: first.id,
          kind: first.kind,
          status: first.status === 'leased' ? 'running' : 'queued',
        },
      },
      { detail: `its ${first.kind} has not ended; wait for it or cancel it` },
    )
  }
  if (agent.desired_state === 'deleted') {
    throw new DomainError('agent-busy', {}, { detail: 'the agent is being deleted' })
  }
}

/** What an agent was before an operation changed it; a cancelled operation puts it back. */
export type Before = { state: LockedAgent['state']; reason: string; desired: LockedAgent['desired_state'] }

export const beforeOf = (agent: LockedAgent): Before => ({
  state: agent.state,
  reason: agent.state_reason,
  desired: agent.desired_state,
})

export type Request = {
  kind: OperationKind
  /** For people, on the operation. */
  reason?: string
  /** For a later cancel: see cancel-operation.ts. */
  input: { before?: Before; resume?: Before['desired']; takesKeyBack?: boolean }
  details?: Record<string, unknown>
}

/** Whether a key is still to be taken out of the agent, by this operation or once it is cancelled. */
export const owesKey = ({ input }: Pick<OpenOperation, 'input'>): boolean =>
  (input as { takesKeyBack?: boolean }).takesKeyBack === true

/** Inserts an operation on an agent with its audit row and event, and gives its id. */
export async function requestOperation(
  tx: Tx,
  who: Who,
  agentId: string,
  { kind, reason, input, details = {} }: Request,
): Promise<string> {
  const operationId = await insertOperation(tx, {
    workspaceId: who.workspaceId,
    target: { agentId },
    kind,
    requestedBy: who.userId,
    correlationId: who.correlationId,
    ...(reason !== undefined && { reason }),
    input,
  })
  await appendEvent(tx, { id: agentId, workspaceId: who.workspaceId }, 'operation.requested', {
    operationId,
    kind,
    ...details,
  })
  const type = `AGENT_${kind.toUpperCase().replaceAll('-', '_')}_REQUESTED`
  await auditAction(tx, who, type, { kind: 'agent', id: agentId }, { operationId, ...details })
  return operationId
}

/** Writes what should be and how the agent stands until a worker looks; a change of state is an event. */
export async function changeState(
  tx: Tx,
  { id, workspace_id, state }: LockedAgent,
  next: Parameters<typeof setDesired>[2],
): Promise<void> {
  await setDesired(tx, id, next)
  if (next.state === state) return
  await appendEvent(tx, { id, workspaceId: workspace_id }, 'state.changed', {
    state: next.state,
    reason: next.reason,
  })
}

/** The agent as it stands now in this transaction, for an answer. */
export async function viewNow(tx: Tx, agentId: string) {
  const agent = await agentById(tx, agentId)
  if (!agent) throw new DomainError('not-found')
  return agent
}
