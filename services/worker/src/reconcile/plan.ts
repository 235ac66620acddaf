import type { OperationKind } from '@nora/db/schema'
import type { Observed, ObservedContainer, Target } from '../backends/backend.ts'
import { retryDelayMs } from './backoff.ts'

/** Steps that change something; each is idempotent, so that doing one again after a crash is the normal path. */
export type Action =
  | 'ensure-image'
  | 'ensure-network'
  | 'ensure-storage'
  | 'deliver-keys'
  | 'ensure-container'
  | 'start'
  | 'attach-gateway'
  | 'route'
  | 'await-healthy'
  | 'reload-keys'
  | 'restore-name'
  | 'record-crash'
  | 'stop'
  | 'remove-container'
  | 'remove-network'
  | 'remove-storage'
  | 'remove-keys'

export type GiveUpCode = 'name-taken' | 'program-exited' | 'not-healthy'

export type Step =
  | { do: Action }
  /** Nothing to do before `delayMs` has passed. */
  | { do: 'wait'; reason: string; delayMs: number }
  | { do: 'done' }
  | { do: 'give-up'; code: GiveUpCode; reason: string }

/** What the observation cannot tell: why this runs, and what this run did that leaves no trace to look at. */
export type PlanContext = {
  kind: OperationKind
  /** All times in milliseconds since 1970. */
  now: number
  /** When the operation was first taken up. */
  beganAt: number
  /** The operation was cancelled; the target says what holds since. */
  cancelled: boolean
  keysDelivered: boolean
  keysRemoved: boolean
  storageRemoved: boolean
  reload: 'not-yet' | 'reloaded' | 'unsupported'
  /** This run made the container, or took over one whose maker died: all that belongs to the making is done. */
  made: boolean
  /** This run started the container, or stopped it: its end is then no crash. */
  started: boolean
  stopped: boolean
  /** An earlier operation was to take a key out of the program, and could not. */
  keysOwed: boolean
  /** The agent was healthy, or known to be unhealthy, when this began: its start lies behind it. */
  wasHealthy: boolean
  /** The gateway knows what it must know: the address while running, nothing otherwise. */
  routed: boolean
  healthy: boolean
  diskEnforced: boolean | null
  /** Failures in a row, and when the last one was; a crash counts from the moment the program ended. */
  crashes: { count: number; lastAt: number | null }
}

/** Without a probe a program that lives this long counts as running. */
export const settleMs = 1_000
const shortWaitMs = 2_000
/** For a program that was healthy: enough for one slow answer, short enough to leave its agent to people again. */
const recheckMs = 10_000

/**
 * The next step from what is there to what should be. Pure: the same answer for the same arguments, whoever asks and
 * however often the worker died in between.
 */
export function nextStep(target: Target, observed: Observed, context: PlanContext): Step {
  if (context.cancelled) return planCancelled(target, observed, context)
  if (target.desired === 'deleted') return planRemoval(observed, context, !target.keepData)
  if (target.desired === 'stopped') return planStopped(observed, context)
  return planRunning(target, observed, context)
}

function planRunning(target: Target, observed: Observed, context: PlanContext): Step {
  const taken = takenName('container', observed.container) ?? takenName('network', observed.network)
  if (taken) return taken
  const container = ours(observed.container)
  if (observed.network === 'wrong') return container ? takeDown(container) : { do: 'remove-network' }
  if (!container) return bringUp(observed, context, undefined)
  if (container.status === 'dead') return { do: 'remove-container' }
  const running = container.status === 'running'
  // An engine refuses to start a container whose network was removed while it was down; one that runs is cut off, and its
  // addresses are the network's.
  if (observed.network === 'absent' || (isUp(container) && container.ip === null)) return takeDown(container)
  if (container.renamed) return { do: 'restore-name' }
  if (isStale(target, container, context.kind)) {
    // Before anything is taken away: an image that cannot be had leaves the old program running.
    return observed.image === 'absent' ? { do: 'ensure-image' } : takeDown(container)
  }
  if (container.status === 'paused') return { do: 'stop' }
  if (running) return planUp(target, container, context)
  return planExited(container, context) ?? bringUp(observed, context, container)
}

const replacing: readonly OperationKind[] = ['provision', 'start', 'restart', 'redeploy']

/**
 * A running container is replaced only for a new generation, and only when somebody asked for a start: neither an
 * upgrade of Nora nor a sync of keys restarts anybody. One that does not run is replaced for any difference.
 */
function isStale(target: Target, container: ObservedContainer, kind: OperationKind): boolean {
  const older = container.generation !== target.generation
  if (container.status === 'running') return older && replacing.includes(kind)
  return older || container.specHash !== target.specHash
}

function takeDown(container: ObservedContainer): Step {
  return { do: isUp(container) ? 'stop' : 'remove-container' }
}

function bringUp(observed: Observed, context: PlanContext, container: ObservedContainer | undefined): Step {
  if (!container && observed.image === 'absent') return { do: 'ensure-image' }
  if (observed.network === 'absent') return { do: 'ensure-network' }
  if (observed.storage === 'absent' || context.diskEnforced === null) return { do: 'ensure-storage' }
  if (!context.keysDelivered) return { do: 'deliver-keys' }
  // Who made it may have died before it was written down, and before its volume had its owner.
  const whole = container && (container.status !== 'created' || context.made)
  return { do: whole ? 'start' : 'ensure-container' }
}

function planUp(target: Target, container: ObservedContainer, context: PlanContext): Step {
  const startedAt = timeOf(container.startedAt)
  const mustRestart =
    (context.kind === 'restart' && startedAt < context.beganAt) || context.reload === 'unsupported'
  if (mustRestart && !context.started) return { do: 'stop' }
  if ((context.kind === 'sync-keys' || context.keysOwed) && !context.started) {
    if (!context.keysDelivered) return { do: 'deliver-keys' }
    if (context.reload === 'not-yet') return { do: 'reload-keys' }
  }
  if (target.httpPort !== undefined) {
    if (!container.gatewayAttached) return { do: 'attach-gateway' }
    if (!context.routed) return { do: 'route' }
  }
  if (context.healthy) return { do: 'done' }
  if (!target.probe) return { do: context.now - startedAt < settleMs ? 'await-healthy' : 'done' }
  const patienceMs = patience(target.probe.startDeadlineMs, startedAt, context)
  const waited = context.now - Math.max(startedAt, context.beganAt)
  if (waited <= patienceMs) return { do: 'await-healthy' }
  const seconds = Math.round(patienceMs / 1000)
  return { do: 'give-up', code: 'not-healthy', reason: `not healthy after ${seconds} s` }
}

/** How long a program may take to get healthy; one that was healthy already and is only looked at has little. */
function patience(startDeadlineMs: number, startedAt: number, context: PlanContext): number {
  const looked = context.kind === 'reconcile' && context.wasHealthy && startedAt < context.beganAt
  return looked ? Math.min(recheckMs, startDeadlineMs) : startDeadlineMs
}

/** What an ended program means; undefined: it may simply be started. */
function planExited(container: ObservedContainer, context: PlanContext): Step | undefined {
  if (container.status !== 'exited' || context.stopped) return undefined
  // Somebody asked for a start: that the program had ended before is no reason against it. Nor is an end that this run did
  // not see: between two takings-up of an operation it may be the engine that died, and not the program.
  if (context.kind !== 'reconcile' && !context.started) return undefined
  const { count, lastAt } = context.crashes
  const recorded = lastAt !== null && lastAt >= timeOf(container.finishedAt)
  if (!recorded) return { do: 'record-crash' }
  const reason = exitReason(container)
  if (context.kind !== 'reconcile') return { do: 'give-up', code: 'program-exited', reason }
  const remaining = lastAt + retryDelayMs(count) - context.now
  if (remaining <= 0) return undefined
  if (remaining <= shortWaitMs) return { do: 'wait', reason: `${reason}; starting again`, delayMs: remaining }
  const seconds = Math.ceil(remaining / 1000)
  const at = new Date(context.now + remaining).toISOString().slice(11, 19)
  const next = `starting again in ${seconds} s, at ${at} UTC`
  return { do: 'give-up', code: 'program-exited', reason: `${reason}; ${next}` }
}

/** What a cancelled operation undoes: it leaves what is to run, or to be deleted, to the next one. */
function planCancelled(target: Target, observed: Observed, context: PlanContext): Step {
  if (target.desired !== 'stopped') return { do: 'done' }
  return context.kind === 'provision' ? planRemoval(observed, context, false) : planStopped(observed, context)
}

function planStopped(observed: Observed, context: PlanContext): Step {
  const container = ours(observed.container)
  if (container && isUp(container)) return { do: 'stop' }
  if (!context.routed) return { do: 'route' }
  if (!context.keysRemoved) return { do: 'remove-keys' }
  return { do: 'done' }
}

function planRemoval(observed: Observed, context: PlanContext, withStorage: boolean): Step {
  const container = ours(observed.container)
  if (container) return takeDown(container)
  if (!context.routed) return { do: 'route' }
  if (observed.network === 'present' || observed.network === 'wrong') return { do: 'remove-network' }
  // Done without looking: a disk that is not attached right now is there all the same.
  if (withStorage && !context.storageRemoved) return { do: 'remove-storage' }
  if (!context.keysRemoved) return { do: 'remove-keys' }
  return { do: 'done' }
}

/** How a program ended, in a person's words. */
export function exitReason(container: ObservedContainer): string {
  if (container.oomKilled) return 'the program ran out of memory and was killed'
  return `the program exited with code ${container.exitCode ?? 'unknown'}`
}

const isUp = (container: ObservedContainer) => container.status === 'running' || container.status === 'paused'
const timeOf = (text: string | null) => (text === null ? 0 : Date.parse(text))

function ours(container: Observed['container']): ObservedContainer | undefined {
  return container === 'absent' || 'foreign' in container ? undefined : container
}

function takenName(kind: string, thing: Observed['container'] | Observed['network']): Step | undefined {
  if (typeof thing !== 'object' || !('foreign' in thing)) return undefined
  const what = `a ${kind} that Nora did not make has this agent's name (${thing.foreign})`
  const reason = `${what}; it is left alone: rename or remove it, then start the agent again`
  return { do: 'give-up', code: 'name-taken', reason }
}
