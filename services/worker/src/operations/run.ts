import { withActor } from '@nora/db/actor'
import { announceStep, type LeasedOperation } from '@nora/db/leases'
import type { AgentState, DB } from '@nora/db/schema'
import { type AgentRow, recordStep, setAgentState } from '@nora/db/worker-agents'
import { appendEvent } from '@nora/events/append'
import type { Logger } from '@nora/log/logger'
import type { Kysely } from 'kysely'
import type { Backend, Observed, Target } from '../backends/backend.ts'
import type { Dataplane } from '../dataplane/dataplane.ts'
import type { Action, PlanContext } from '../reconcile/plan.ts'
import type { LocalImageName } from '../reconcile/target.ts'
import type { KeptLease, leaseClocks } from './keep-lease.ts'
import type { Turnstiles } from './limits.ts'
import { workingState } from './words.ts'

export type DeliveredKeys = {
  /** A key that it should have and has not, in a person's words: the agent runs on without it and is degraded. */
  problem?: string
}

/** The images that we assemble ourselves. */
export type LocalImages = {
  isKnown(name: LocalImageName): boolean
  /** The reference of this version's image; assembled the first time it is asked for. */
  reference(name: LocalImageName, signal: AbortSignal): Promise<string>
  /** Assembles it again, for an engine that lost it. */
  assemble(name: LocalImageName, signal: AbortSignal): Promise<void>
}

/** What an operation needs; every part is a closure over the real thing, so that a test can crash after any of them. */
export type RunDeps = {
  db: Kysely<DB>
  log: Logger
  workerId: string
  installation: string
  /** The address pool of agents' networks, e.g. `10.214.0.0/16`. */
  pool: string
  images: LocalImages
  backend: Backend
  dataplane: Dataplane
  keys: {
    deliver(actor: LeasedOperation['actor'], target: Target, signal: AbortSignal): Promise<DeliveredKeys>
    remove(target: Target, signal: AbortSignal): Promise<void>
    test(actor: LeasedOperation['actor'], signal: AbortSignal): Promise<{ outcome: string; reason: string }>
    /** Takes out of a program's own words the keys that its agent was given, and known token shapes. */
    scrub(actor: LeasedOperation['actor'], agentId: string, lines: string[]): Promise<string[]>
  }
  logs: {
    /** Says that the agent's container was made, started or stopped. */
    poke(agentId: string): void
    /** Waits until everything the stopped container printed is stored, at most `deadlineMs`. */
    settle(agentId: string, containerId: string, deadlineMs: number, signal: AbortSignal): Promise<unknown>
  }
  /** Something that pages show has changed in this workspace, and has committed: rings, and waits for nothing. */
  changed(workspaceId: string): void
  turnstiles: Turnstiles
  /** Why no agent may start now, in a person's words; undefined: they may. */
  startsHeld(): string | undefined
  /** Of its leases, when they are not to be the usual ones. */
  clocks?: typeof leaseClocks
  /** After how many turns an operation does not converge; default 400. */
  maxTurns?: number
}

/** One taking-up of an operation on an agent: what is known of it now. */
export type Run = {
  readonly operation: LeasedOperation
  readonly lease: KeptLease
  readonly agent: AgentRow
  target: Target
  gatewayId: string | null
  observed: Observed | undefined
  state: AgentState
  keyProblem: string | undefined
  facts: Omit<PlanContext, 'now' | 'kind'>
  /** The words last shown; they come back when the deadline cuts the operation off. */
  reason: string
  /** It is to take a key out of the program: what it cannot do, the next operation owes. */
  takesKeyBack: boolean
  /** An earlier try did what could be done, and came as far as the start that the host guard holds. */
  readonly wasHeld: boolean
}

/** Shows the step that begins: in the operation, in the agent's state and in its timeline. Fenced. */
export async function announce(deps: RunDeps, run: Run, action: Action, reason: string): Promise<void> {
  const state = workingState(run.operation.kind, run.target, run.state) ?? run.state
  const announced = await announceStep(deps.db, run.operation.actor, { step: action, state, reason })
  if (announced.cancelRequested) run.lease.noteCancel()
  run.state = state
  run.reason = reason
  deps.changed(run.target.workspaceId)
}

/** Shows new words for the step that runs. Fenced. */
export async function progress(deps: RunDeps, run: Run, reason: string): Promise<void> {
  if (reason === run.reason) return
  await withActor(deps.db, run.operation.actor, async (tx, { cancelRequested }) => {
    if (cancelRequested) run.lease.noteCancel()
    await recordStep(tx, run.operation.id, null, reason)
    await showState(tx, run, run.state, reason)
  })
  deps.changed(run.target.workspaceId)
}

type Tx = Parameters<typeof appendEvent>[0]

/** Writes state and reason; a change of state (not of words alone) goes into the timeline. */
export async function showState(tx: Tx, run: Run, state: AgentState, reason: string): Promise<void> {
  const before = await setAgentState(tx, run.target.agentId, state, reason)
  run.state = state
  run.reason = reason
  if (before === state) return
  await appendEvent(tx, agentKey(run), 'state.changed', { state, reason, operationId: run.operation.id })
}

export const agentKey = (run: Run) => ({ id: run.target.agentId, workspaceId: run.target.workspaceId })

/** Whether the agent's program runs, as last observed. */
export function isUp(run: Run): boolean {
  const container = run.observed?.container
  return typeof container === 'object' && 'status' in container && container.status === 'running'
}
