import type { Tx } from '@nora/db/actor'
import { cancelOperation } from '@nora/db/operations'
import type { AgentState, DesiredState } from '@nora/db/schema'
import { appendEvent } from '@nora/events/append'
import type { FastifyRequest } from 'fastify'
import type { Deps } from '../deps.ts'
import { idempotently, type Outcome } from '../http/idempotency.ts'
import { pathOf } from './agent-path.ts'
import {
  beforeOf,
  changeState,
  owesKey,
  requestOperation,
  requireIdle,
  type Turn,
  takeTurn,
  viewNow,
} from './agent-turn.ts'
import { ringAll } from './ring-all.ts'
import type { Who } from './write-audit.ts'

/**
 * Start, restart, redeploy: the agent should run; a worker is asked to see to it. A redeploy is a new generation, so
 * that the container is made anew whatever the spec says. DomainError `not-found`, `agent-busy`.
 */
export function bringUp(
  deps: Deps,
  request: FastifyRequest,
  agentId: string,
  kind: 'start' | 'restart' | 'redeploy',
): Promise<Outcome> {
  return ask(deps, request, agentId, async (tx, turn) => {
    requireIdle(turn)
    const { state } = turn.agent
    // What runs goes on running until the worker comes: its state stays true, the reason says what is coming.
    const up = state === 'running' || state === 'degraded'
    await changeState(tx, turn.agent, {
      desired: 'running',
      state: up ? state : 'queued',
      reason: `${kind} requested: waiting for a worker`,
      newGeneration: kind === 'redeploy',
    })
    return requestOperation(tx, request.caller, agentId, { kind, input: { before: beforeOf(turn.agent) } })
  })
}

/** Stop is always accepted: what is open is cancelled, and the stop waits behind it. Asking twice is asking once. */
export function stop(deps: Deps, request: FastifyRequest, agentId: string): Promise<Outcome> {
  return ask(deps, request, agentId, async (tx, turn) => {
    // Being deleted includes being stopped.
    if (turn.agent.desired_state === 'deleted') return null
    const { state } = turn.agent
    return queueBehind(tx, request.caller, turn, {
      kind: 'stop',
      desired: 'stopped',
      state: state === 'stopped' ? state : 'stopping',
    })
  })
}

/** Delete is always accepted, as stop is. `keepData` leaves the state volume. */
export async function remove(
  deps: Deps,
  request: FastifyRequest,
  agentId: string,
  keepData: boolean,
): Promise<Outcome> {
  return ask(deps, request, agentId, (tx, turn) => queueDelete(tx, request.caller, turn, keepData))
}

/** Asks an agent to go, in its turn: the new operation's id, or null when that was asked before. */
export const queueDelete = (tx: Tx, who: Who, turn: Turn, keepData: boolean): Promise<string | null> =>
  queueBehind(tx, who, turn, { kind: 'delete', desired: 'deleted', state: 'deleting', keepData })

/** Runs one request in the agent's turn; `run` gives the new operation's id, or null when there was nothing to ask. */
export async function ask(
  deps: Deps,
  request: FastifyRequest,
  agentId: string,
  run: (tx: Tx, turn: Turn) => Promise<string | null>,
): Promise<Outcome> {
  let rung: string | null = null
  const outcome = await idempotently(deps, request, async (tx) => {
    const turn = await takeTurn(tx, agentId)
    const operationId = await run(tx, turn)
    rung = operationId
    const view = await viewNow(tx, agentId)
    return {
      status: 202,
      ...(view.operation && { location: pathOf(request.caller, agentId, view.operation.id) }),
      body: view,
    }
  })
  await ringAll(deps, [rung])
  return outcome
}

type Behind = { kind: 'stop' | 'delete'; desired: DesiredState; state: AgentState; keepData?: boolean }

async function queueBehind(
  tx: Tx,
  who: Who,
  { agent, open }: Turn,
  { kind, desired, state, keepData }: Behind,
): Promise<string | null> {
  const last = open.at(-1)
  if (last?.kind === kind && last.cancel_requested_at === null) return null
  for (const operation of open) {
    // 'operation' rows hold their kind and status as text; open ones are one of these two.
    const status = operation.status as 'pending' | 'leased'
    await cancelOperation(tx, { id: operation.id, status }, `cancelled for a ${kind}`)
    await appendEvent(tx, { id: agent.id, workspaceId: who.workspaceId }, 'operation.cancelled', {
      operationId: operation.id,
      kind: operation.kind,
      by: kind,
    })
  }
  const waits = open.some((operation) => operation.status === 'leased')
  await changeState(tx, agent, {
    desired,
    state,
    reason: waits
      ? `${kind} requested: waiting for the open operation to end`
      : `${kind} requested: waiting for a worker`,
    ...(keepData !== undefined && { keepData }),
  })
  return requestOperation(tx, who, agent.id, {
    kind,
    input:
      open.length === 0
        ? { before: beforeOf(agent) }
        : { resume: agent.desired_state, takesKeyBack: open.some(owesKey) },
    ...(keepData !== undefined && { details: { keepData } }),
  })
}
