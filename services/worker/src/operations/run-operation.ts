import { problemTitles } from '@nora/contract/problem-titles'
import { refusalOf, withActor } from '@nora/db/actor'
import { moveNetworkSlot } from '@nora/db/fleet'
import { type LeasedOperation, leaseOperation, releaseOperation } from '@nora/db/leases'
import { agentOf, finishOperation } from '@nora/db/worker-agents'
import { DomainError } from '@nora/domain/errors'
import { answering, orAborted } from '../backends/answering.ts'
import { BackendError } from '../backends/backend.ts'
import { slotsIn } from '../reconcile/addresses.ts'
import { type Action, nextStep } from '../reconcile/plan.ts'
import {
  endCancelled,
  fail,
  failUnopened,
  hold,
  lastWords,
  type Outcome,
  release,
  releaseUnopened,
  succeed,
} from './finish.ts'
import { heldMs, whyHeld } from './held-starts.ts'
import { type KeptLease, keepLease, leaseClocks } from './keep-lease.ts'
import { stepDeadlineMs } from './limits.ts'
import { openRun } from './open-run.ts'
import { announce, progress, type Run, type RunDeps } from './run.ts'
import { perform, stepTimedOut } from './steps.ts'
import { stepWords, withLastWords } from './words.ts'

const observeMs = 15_000
const defaultTurns = 400
/** A registry that fails this often in a row (for half a minute) is for a person to look at; reconciliation still tries. */
const mostPulls = 5
/** A network that is being made by somebody else shows sooner. */
const triesForAddresses = 3

/**
 * Takes an operation and works on it until its agent is as it should be, or until it ends with a reason. `stop` gives it
 * back for another worker. An error that nobody foresaw is thrown with the lease still held, exactly as if the process
 * had died: the lease ends, and whoever takes over begins from what is really there.
 */
export async function runOperation(
  deps: RunDeps,
  operationId: string,
  stop: AbortSignal,
  onLease: (lease: KeptLease) => void = () => undefined,
): Promise<Outcome> {
  stop.throwIfAborted()
  const leasedAt = performance.now()
  const clocks = deps.clocks ?? leaseClocks
  const operation = await leaseOperation(deps.db, operationId, deps.workerId, clocks.leaseMs)
  if (!operation) return 'not-leased'
  const lease = keepLease(deps.db, operation, leasedAt, clocks)
  onLease(lease)
  try {
    if (operation.agentId === null) return await testKey(deps, operation, AbortSignal.any([stop, lease.lost]))
    return await converge(deps, operation, lease, stop)
  } catch (error) {
    if (lease.lost.aborted || refusalOf(error)?.code === 'lease-lost') return 'lost'
    if (!stop.aborted) return await unforeseen(deps, operation, error)
    await releaseOperation(deps.db, operation.actor, 0, 'its worker stops; another one takes over')
    return 'released'
  } finally {
    lease.stop()
    deps.changed(operation.workspaceId)
  }
}

// Thrown with the lease still held, except when no time is left for another try.
async function unforeseen(deps: RunDeps, operation: LeasedOperation, error: unknown): Promise<Outcome> {
  if (error instanceof BackendError && operation.deadlineAt.getTime() > Date.now()) {
    return releaseUnopened(deps, operation, `${sentence(error)}; trying again`, retryMs(operation))
  }
  const noRoom = refusalOf(error)?.code === 'network pool exhausted'
  if (!noRoom && operation.deadlineAt.getTime() > Date.now()) throw error
  const reason = noRoom
    ? `the address pool ${deps.pool} has no network left; enlarge NORA_AGENT_NETWORK_POOL or delete agents`
    : 'something went wrong on this server; the log of its worker says what'
  await failUnopened(deps, operation, noRoom ? 'network-conflict' : 'internal', reason)
  return 'failed'
}

async function converge(
  deps: RunDeps,
  operation: LeasedOperation,
  lease: KeptLease,
  stop: AbortSignal,
): Promise<Outcome> {
  const over = AbortSignal.any([stop, lease.lost])
  const run = await openRun(deps, operation, lease, over)
  const maxTurns = deps.maxTurns ?? defaultTurns
  for (let turn = 0; turn < maxTurns; turn++) {
    over.throwIfAborted()
    if (isCancelled(lease, run)) await noteCancel(deps, run)
    const left = operation.deadlineAt.getTime() - Date.now()
    if (left <= 0) return fail(deps, run, 'deadline', `not done in time; it was ${run.reason}`)
    try {
      const outcome = await takeTurn(deps, run, lease, over, left)
      // Each is about a second; how many there may be is the program's own deadline, which may be fifteen minutes.
      if (outcome === 'waited') turn--
      else if (outcome) return outcome
    } catch (error) {
      over.throwIfAborted()
      if (isCancelled(lease, run)) continue
      if (error instanceof DomainError) return judge(deps, run, error)
      if (!(error instanceof BackendError)) throw error
      const hopeless = error.code === 'image-pull-failed' && operation.attempt >= mostPulls
      if (!error.retry || hopeless) return fail(deps, run, error.code, sentence(error))
      deps.log.warn({ err: error, operationId: operation.id, agentId: operation.agentId }, 'a step failed')
      if (error.code === 'addresses-stuck' && operation.attempt >= triesForAddresses) await moveOn(deps, run)
      return release(deps, run, `${sentence(error)}; trying again`, Math.min(retryMs(operation), left))
    }
  }
  return fail(deps, run, 'not-converging', `still not done after ${maxTurns} steps; it was ${run.reason}`)
}

async function judge(deps: RunDeps, run: Run, error: DomainError): Promise<Outcome> {
  if (error.code !== 'rate-limited') return fail(deps, run, error.code, problemTitles[error.code])
  return release(deps, run, 'its keys were delivered too often lately; trying again', 30_000)
}

/** Takes other addresses for the agent; the next taking-up works with them. */
async function moveOn(deps: RunDeps, run: Run): Promise<void> {
  const slot = await withActor(deps.db, run.operation.actor, (tx) => moveNetworkSlot(tx, slotsIn(deps.pool)))
  deps.log.warn(
    { agentId: run.target.agentId, left: run.target.network.subnet, slot },
    'took other addresses',
  )
}

/** The next try comes later each time: 1 s, doubling, at most 15 s. */
const retryMs = (operation: LeasedOperation) => Math.min(15_000, 500 * 2 ** Math.min(operation.attempt, 10))
/** The error's sentence as part of a longer one. */
const sentence = (error: BackendError) => error.message.replace(/\.$/, '')

/** One observation, one step. An outcome: the operation is over for this worker. `waited`: nothing was done but to ask for health. */
async function takeTurn(
  deps: RunDeps,
  run: Run,
  lease: KeptLease,
  over: AbortSignal,
  leftMs: number,
): Promise<Outcome | 'waited' | undefined> {
  run.observed = await answering(observeMs, over, (signal) => deps.backend.observe(run.target, signal))
  const step = nextStep(run.target, run.observed, { ...run.facts, kind: run.operation.kind, now: Date.now() })
  switch (step.do) {
    case 'done':
      return run.facts.cancelled ? endCancelled(deps, run) : succeed(deps, run)
    case 'give-up':
      return fail(deps, run, step.code, step.reason)
    case 'wait':
      return rest(deps, run, step.reason, step.delayMs)
    default: {
      const held = whyHeld(deps, run, step.do)
      if (held !== undefined) return hold(deps, run, held, Math.min(heldMs(run.operation.attempt), leftMs))
      await takeStep(deps, run, step.do, lease, over, leftMs)
      return step.do === 'await-healthy' ? 'waited' : undefined
    }
  }
}

/** A program that ended rests before its next start; its agent says so with its last lines. */
async function rest(deps: RunDeps, run: Run, reason: string, delayMs: number): Promise<Outcome> {
  return release(deps, run, reason, delayMs, withLastWords(reason, await lastWords(deps, run)))
}

async function takeStep(
  deps: RunDeps,
  run: Run,
  action: Action,
  lease: KeptLease,
  over: AbortSignal,
  leftMs: number,
): Promise<void> {
  const full = deps.turnstiles.isFull(action)
  // Waiting for health says its own words as they change.
  if (action !== 'await-healthy' || !run.reason.startsWith('waiting for the health check')) {
    const words = stepWords(action, run.target)
    await announce(deps, run, action, full ? `waiting for its turn, then ${words}` : words)
  }
  const heedsCancel = !run.facts.cancelled && run.operation.kind !== 'delete'
  const interrupt = heedsCancel ? AbortSignal.any([over, lease.cancelled]) : over
  await deps.turnstiles.of(action)(interrupt, async () => {
    interrupt.throwIfAborted()
    const ms = Math.min(stepDeadlineMs[action], leftMs)
    const late = AbortSignal.timeout(ms)
    const signal = AbortSignal.any([interrupt, late])
    try {
      if (full) await progress(deps, run, stepWords(action, run.target))
      await orAborted(perform[action](deps, run, signal), signal)
    } catch (error) {
      interrupt.throwIfAborted()
      throw late.aborted ? stepTimedOut(action, ms) : error
    }
  })
}

// A delete that has begun goes on: nobody can put back what it took.
const isCancelled = (lease: KeptLease, run: Run) =>
  lease.cancelled.aborted && !run.facts.cancelled && run.operation.kind !== 'delete'

/** Whoever cancelled has also written what holds since. */
async function noteCancel(deps: RunDeps, run: Run): Promise<void> {
  const agent = await withActor(deps.db, run.operation.actor, (tx) => agentOf(tx, run.target.agentId))
  if (!agent) throw new Error('an operation without its rows')
  run.target = { ...run.target, desired: agent.desired_state }
  run.facts.cancelled = true
  run.facts.routed = run.gatewayId === null || agent.container_ip === null
}

async function testKey(deps: RunDeps, operation: LeasedOperation, over: AbortSignal): Promise<Outcome> {
  const left = Math.max(1, operation.deadlineAt.getTime() - Date.now())
  const signal = AbortSignal.any([over, AbortSignal.timeout(Math.min(left, 60_000))])
  const result = await deps.keys.test(operation.actor, signal)
  await withActor(deps.db, operation.actor, (tx) =>
    finishOperation(tx, operation.id, { status: 'succeeded', reason: result.reason, result }),
  )
  return 'succeeded'
}
