import { withActor } from '@nora/db/actor'
import { audit } from '@nora/db/audit'
import { releaseNetworkSlot, reportSecurityEvent, requestOperation } from '@nora/db/fleet'
import { holdOperation, type LeasedOperation, releaseOperation } from '@nora/db/leases'
import type { AgentState } from '@nora/db/schema'
import {
  agentOf,
  countFailure,
  type Ending,
  finishOperation,
  markDeleted,
  operationOf,
  recordFacts,
  recordStep,
  setAgentState,
} from '@nora/db/worker-agents'
import { appendEvent } from '@nora/events/append'
import { failureWords, isLookedAtAgain, mostLooks } from './looked-at-again.ts'
import { agentKey, isUp, type Run, type RunDeps, showState } from './run.ts'
import { crashedState, saysLacksKey, withLastWords, workingState } from './words.ts'

export type Outcome = 'succeeded' | 'failed' | 'cancelled' | 'released' | 'lost' | 'not-leased'
type Tx = Parameters<typeof finishOperation>[0]

/**
 * The planner found everything as it should be. Undefined: a cancel was asked for in the last moment, so that it is not
 * over; whoever asked has written what holds since.
 */
export async function succeed(deps: RunDeps, run: Run): Promise<Outcome | undefined> {
  const { kind } = run.operation
  const { desired, probe } = run.target
  // Whatever the way here: its keys are the attached ones, and it answers.
  const well = { unhealthy: false, keys_owed: false, failed_tries: 0, failed_at: null }
  return withActor(deps.db, run.operation.actor, async (tx, { cancelRequested }) => {
    if (cancelRequested && kind !== 'delete') {
      run.lease.noteCancel()
      return undefined
    }
    if (desired === 'deleted') {
      await releaseNetworkSlot(tx)
      await showState(tx, run, 'deleting', 'deleted')
      await end(tx, run, { status: 'succeeded', reason: 'deleted' })
      await markDeleted(tx, run.target.agentId)
      return 'succeeded'
    }
    if (desired === 'stopped') {
      await recordFacts(tx, run.target.agentId, { container_ip: null, ...well })
      await showState(tx, run, 'stopped', 'stopped on request')
      await end(tx, run, { status: 'succeeded', reason: 'stopped' })
      return 'succeeded'
    }
    const healthy = run.target.probe ? 'healthy' : 'running'
    const asked = kind !== 'reconcile' && kind !== 'sync-keys'
    const container = run.observed?.container
    const generation = typeof container === 'object' && 'generation' in container ? container.generation : 0
    await recordFacts(tx, run.target.agentId, {
      observed_generation: generation,
      probe: probe ? { path: probe.path, timeoutMs: probe.timeoutMs, expect: probe.expect } : null,
      ...well,
      ...(asked && { crash_count: 0 }),
    })
    const problem = run.keyProblem ?? keptProblem(run)
    await showState(tx, run, problem ? 'degraded' : 'running', problem ?? healthy)
    await end(tx, run, { status: 'succeeded', reason: problem ?? healthy })
    return 'succeeded'
  })
}

// Looking at an agent delivers no key: one that it lacked before, it lacks still.
function keptProblem({ agent, facts, operation }: Run): string | undefined {
  const looked = operation.kind === 'reconcile' && !facts.started && !facts.keysDelivered
  return looked && saysLacksKey(agent.state_reason) ? agent.state_reason : undefined
}

/** Ends in a state with a reason and the program's last lines. `code` is stable; `reason` is for people. */
export async function fail(deps: RunDeps, run: Run, code: string, reason: string): Promise<Outcome> {
  const lines = await lastWords(deps, run)
  const state = failedState(run, code)
  const unhealthy = code === 'not-healthy' && state === 'degraded'
  const again = state === 'degraded' && isLookedAtAgain(run, code)
  const tries = again ? run.agent.failed_tries + 1 : 0
  const words = withLastWords(again ? failureWords(reason, tries) : reason, lines)
  await withActor(deps.db, run.operation.actor, async (tx) => {
    const looks = tries <= mostLooks ? tries : 0
    await recordFacts(tx, run.target.agentId, {
      failed_tries: looks,
      failed_at: looks > 0 ? new Date() : null,
    })
    // A crash was counted when it was recorded; one that runs and does not answer is not started again, so no try waits.
    // One that is looked at again has a count of its own: its program has not failed.
    if (code !== 'program-exited' && !unhealthy && !again) await countFailure(tx, run.target.agentId)
    if (unhealthy) await recordFacts(tx, run.target.agentId, { unhealthy })
    if (run.takesKeyBack) await recordFacts(tx, run.target.agentId, { keys_owed: true })
    await auditFailure(tx, run.operation, code)
    if (code === 'name-taken') {
      await reportSecurityEvent(tx, {
        type: 'NAME_TAKEN',
        workspaceId: run.target.workspaceId,
        target: { kind: 'agent', id: run.target.agentId },
        details: { reason },
      })
    }
    await showState(tx, run, state, words)
    await end(tx, run, {
      status: 'failed',
      reason: words,
      error: { code, message: reason, lastLines: lines },
    })
  })
  return 'failed'
}

/** Fails an operation whose target could not even be worked out. */
export async function failUnopened(
  deps: RunDeps,
  operation: LeasedOperation,
  code: string,
  reason: string,
): Promise<void> {
  await withActor(deps.db, operation.actor, async (tx, { agentId, workspaceId }) => {
    if (agentId !== null) {
      await countFailure(tx, agentId)
      const row = await operationOf(tx, operation.id)
      if (row?.input['takesKeyBack'] === true) await recordFacts(tx, agentId, { keys_owed: true })
      const before = await setAgentState(tx, agentId, 'error', reason)
      const data = { state: 'error', reason, operationId: operation.id }
      if (before !== 'error') await appendEvent(tx, { id: agentId, workspaceId }, 'state.changed', data)
    }
    await auditFailure(tx, operation, code)
    await finishOperation(tx, operation.id, { status: 'failed', reason, error: { code, message: reason } })
  })
}

/** Gives back an operation whose target could not be worked out yet. */
export async function releaseUnopened(
  deps: RunDeps,
  operation: LeasedOperation,
  reason: string,
  delayMs: number,
): Promise<Outcome> {
  await withActor(deps.db, operation.actor, async (tx, { agentId }) => {
    const agent = agentId === null ? undefined : await agentOf(tx, agentId)
    if (agent) await setAgentState(tx, agent.id, agent.state, reason)
  })
  await releaseOperation(deps.db, operation.actor, delayMs, reason)
  return 'released'
}

/**
 * Ends a cancelled operation with what it left. An agent that is to run all the same is looked at anew: only that tells
 * how it stands now.
 */
export async function endCancelled(deps: RunDeps, run: Run): Promise<Outcome> {
  const { kind } = run.operation
  const { agentId, desired } = run.target
  const reason = `${kind} was cancelled`
  await withActor(deps.db, run.operation.actor, async (tx) => {
    // What this operation stopped has not crashed: whoever looks next finds its end accounted for.
    const stopped = run.facts.stopped && { last_crash_at: new Date() }
    if (!isUp(run)) await recordFacts(tx, agentId, { container_ip: null, ...stopped })
    if (desired === 'stopped') await showState(tx, run, 'stopped', reason)
    if (desired === 'running' && kind !== 'sync-keys') await showState(tx, run, 'degraded', reason)
    await end(tx, run, { status: 'cancelled', reason })
  })
  if (desired === 'running' && kind !== 'reconcile') {
    await requestOperation(deps.db, { agentId, kind: 'reconcile', reason: `after the ${reason}`, delayMs: 0 })
  }
  return 'cancelled'
}

/** Gives the operation back until `delayMs` has passed, and says so, in `words`, in the agent's state. */
export async function release(
  deps: RunDeps,
  run: Run,
  reason: string,
  delayMs: number,
  words = reason,
): Promise<Outcome> {
  await showWaiting(deps, run, reason, words)
  await releaseOperation(deps.db, run.operation.actor, delayMs, reason)
  return 'released'
}

/** The same for what the host guard holds: that wait uses up none of the operation's time. */
export async function hold(deps: RunDeps, run: Run, reason: string, delayMs: number): Promise<Outcome> {
  await showWaiting(deps, run, reason, reason)
  await holdOperation(deps.db, run.operation.actor, delayMs, reason)
  return 'released'
}

async function showWaiting(deps: RunDeps, run: Run, reason: string, words: string): Promise<void> {
  await withActor(deps.db, run.operation.actor, async (tx) => {
    await recordStep(tx, run.operation.id, null, reason)
    const working = workingState(run.operation.kind, run.target, run.state)
    await showState(tx, run, working ?? run.state, words)
  })
}

function failedState(run: Run, code: string): AgentState {
  const hadRun = run.agent.observed_generation === run.target.generation
  if (code === 'program-exited' && run.operation.kind === 'reconcile') {
    return crashedState(hadRun, run.facts.crashes.count)
  }
  // What ran before and was not replaced goes on running. What never answered is broken; what once did may recover.
  const { state } = run.agent
  // Not looked at yet: it stands as it did.
  const up = run.observed ? isUp(run) : state === 'running' || state === 'degraded'
  return up && !run.facts.started && (code !== 'not-healthy' || hadRun) ? 'degraded' : 'error'
}

/** Its code alone: what a program or an engine said may be anything. */
function auditFailure(tx: Tx, operation: LeasedOperation, code: string): Promise<void> {
  return audit(tx, {
    type: 'OPERATION_FAILED',
    actor: { kind: 'operation', id: operation.id },
    workspaceId: operation.workspaceId,
    target: operation.agentId
      ? { kind: 'agent', id: operation.agentId }
      : { kind: 'operation', id: operation.id },
    correlationId: operation.correlationId,
    details: { kind: operation.kind, code, attempt: operation.attempt },
  })
}

async function end(tx: Tx, run: Run, ending: Ending): Promise<void> {
  const { id, kind } = run.operation
  await appendEvent(tx, agentKey(run), 'operation.finished', {
    operationId: id,
    kind,
    status: ending.status,
    reason: ending.reason,
  })
  await finishOperation(tx, id, ending)
}

/** The container's last lines, scrubbed of keys; none when there is no container or the engine does not say. */
export async function lastWords(deps: RunDeps, run: Run): Promise<string[]> {
  const container = run.observed?.container
  if (typeof container !== 'object' || !('id' in container)) return []
  try {
    const lines = await deps.backend.lastWords(container.id, AbortSignal.timeout(5_000))
    return await deps.keys.scrub(run.operation.actor, run.target.agentId, lines)
  } catch (error) {
    deps.log.warn({ err: error, agentId: run.target.agentId }, 'the last lines could not be read')
    return []
  }
}
