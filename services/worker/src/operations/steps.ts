import { setTimeout as delay } from 'node:timers/promises'
import { withActor } from '@nora/db/actor'
import { assignGateway } from '@nora/db/fleet'
import { recordFacts } from '@nora/db/worker-agents'
import { appendEvent } from '@nora/events/append'
import { BackendError, type ObservedContainer } from '../backends/backend.ts'
import { crashCount } from '../reconcile/backoff.ts'
import { type Action, exitReason, settleMs } from '../reconcile/plan.ts'
import { localImageOf } from '../reconcile/target.ts'
import { lastWords } from './finish.ts'
import { probePasses } from './probe-passes.ts'
import { agentKey, progress, type Run, type RunDeps, showState } from './run.ts'
import { crashedState, healthWords, withLastWords } from './words.ts'

/** Agents that one gateway serves at the most. */
const gatewayCapacity = 50
/** Removing a container waits this long for the rest of its log; then the gap is said. */
const logTailMs = 30_000

type Perform = (deps: RunDeps, run: Run, signal: AbortSignal) => Promise<void>

/** How each step is done. Each may be done again after a crash in the middle of it. */
export const perform: Record<Action, Perform> = {
  async 'ensure-image'(deps, run, signal) {
    const local = localImageOf(run.agent)
    if (local !== undefined) return deps.images.assemble(local, signal)
    const tell = throttled(1_000, (text) => progress(deps, run, text))
    try {
      await deps.backend.ensureImage(run.target, signal, tell.say)
    } finally {
      await tell.settled()
    }
  },

  async 'ensure-network'(deps, run, signal) {
    await deps.backend.ensureNetwork(run.target, signal)
  },

  async 'ensure-storage'(deps, run, signal) {
    const { diskEnforced } = await deps.backend.ensureStorage(run.target, signal)
    await withActor(deps.db, run.operation.actor, (tx) =>
      recordFacts(tx, run.target.agentId, { disk_enforced: diskEnforced }),
    )
    run.facts.diskEnforced = diskEnforced
  },

  async 'deliver-keys'(deps, run, signal) {
    const delivered = await deps.keys.deliver(run.operation.actor, run.target, signal)
    run.keyProblem = delivered.problem
    run.facts.keysDelivered = true
  },

  async 'ensure-container'(deps, run, signal) {
    const { containerId, imageDigest } = await deps.backend.ensureContainer(run.target, signal)
    await withActor(deps.db, run.operation.actor, (tx) =>
      recordFacts(tx, run.target.agentId, {
        container_id: containerId,
        image_digest: imageDigest,
        container_ip: null,
        http_port: run.target.httpPort ?? null,
      }),
    )
    run.facts.made = true
  },

  async start(deps, run, signal) {
    try {
      await deps.backend.start(run.target, signal)
    } catch (error) {
      if (!(error instanceof BackendError) || error.code !== 'container-spoilt') throw error
      deps.log.warn({ err: error, agentId: run.target.agentId }, 'a container is spoilt and is made anew')
      return perform['remove-container'](deps, run, signal)
    }
    deps.logs.poke(run.target.agentId)
    Object.assign(run.facts, {
      started: true,
      stopped: false,
      keysDelivered: false,
      routed: false,
      healthy: false,
    })
  },

  async 'attach-gateway'(deps, run, signal) {
    await deps.dataplane.attach(await gatewayOf(deps, run), run.target, signal)
  },

  async route(deps, run, signal) {
    const container = containerOf(run)
    const up = run.target.desired === 'running' && !run.facts.cancelled && container?.status === 'running'
    await withActor(deps.db, run.operation.actor, (tx) =>
      recordFacts(tx, run.target.agentId, {
        container_ip: up ? container.ip : null,
        ...(up && { container_id: container.id, http_port: run.target.httpPort ?? null }),
      }),
    )
    if (up) await deps.dataplane.pushRoutes(await gatewayOf(deps, run), signal)
    else if (run.gatewayId !== null) await deps.dataplane.pushRoutes(run.gatewayId, signal)
    run.facts.routed = true
  },

  'await-healthy': awaitHealthy,

  async 'reload-keys'(deps, run, signal) {
    run.facts.reload = await deps.backend.reload(run.target, signal)
  },

  async 'restore-name'(deps, run, signal) {
    await deps.backend.restoreName(run.target, signal)
  },

  async 'record-crash'(deps, run) {
    const container = containerOf(run)
    if (!container) return
    const lines = await lastWords(deps, run)
    const endedAt = new Date(container.finishedAt ?? Date.now())
    const ranFor = endedAt.getTime() - new Date(container.startedAt ?? endedAt).getTime()
    const count = crashCount(run.facts.crashes.count, ranFor)
    const hadRun = run.agent.observed_generation === run.target.generation
    const reason = exitReason(container)
    await withActor(deps.db, run.operation.actor, async (tx) => {
      await recordFacts(tx, run.target.agentId, { crash_count: count, last_crash_at: endedAt })
      await appendEvent(tx, agentKey(run), 'program.exited', {
        reason,
        exitCode: container.exitCode,
        oomKilled: container.oomKilled,
        failures: count,
        lastLines: lines,
      })
      await showState(tx, run, crashedState(hadRun, count), withLastWords(reason, lines))
    })
    run.facts.crashes = { count, lastAt: endedAt.getTime() }
  },

  async stop(deps, run, signal) {
    await deps.backend.stop(run.target, signal)
    run.facts.stopped = true
    deps.logs.poke(run.target.agentId)
  },

  async 'remove-container'(deps, run, signal) {
    const container = containerOf(run)
    // What was never started printed nothing.
    if (container?.startedAt) {
      await deps.logs.settle(run.target.agentId, container.id, logTailMs, signal)
    }
    signal.throwIfAborted()
    await deps.backend.removeContainer(run.target, signal)
    await withActor(deps.db, run.operation.actor, (tx) =>
      recordFacts(tx, run.target.agentId, { container_id: null, container_ip: null }),
    )
  },

  async 'remove-network'(deps, run, signal) {
    await deps.backend.removeNetwork(run.target, signal)
  },

  async 'remove-storage'(deps, run, signal) {
    await deps.backend.removeStorage(run.target, signal)
    run.facts.storageRemoved = true
  },

  async 'remove-keys'(deps, run, signal) {
    await deps.keys.remove(run.target, signal)
    run.facts.keysRemoved = true
  },
}

const turnMs = 1_000
/** How often a program that has just started is asked, and for how long: a start takes a second or two. */
const eagerPauseMs = 25
const eagerMs = 3_000

// About a second a turn: between turns the container is looked at again, so that its end is noticed.
async function awaitHealthy(deps: RunDeps, run: Run, signal: AbortSignal): Promise<void> {
  const container = containerOf(run)
  const startedAt = container?.startedAt ? Date.parse(container.startedAt) : Date.now()
  const { probe, agentId } = run.target
  if (!probe) {
    const left = startedAt + settleMs - Date.now()
    await delay(Math.min(turnMs, Math.max(0, left)), undefined, { signal })
    return
  }
  const gatewayId = await gatewayOf(deps, run)
  const until = Date.now() + turnMs
  for (;;) {
    // Often while most programs come up, then as the runtime asks.
    const pause = Math.min(probe.intervalMs, Date.now() - startedAt < eagerMs ? eagerPauseMs : Infinity)
    const answer = await deps.dataplane.probe(
      gatewayId,
      { agentId, path: probe.path, timeoutMs: probe.timeoutMs },
      signal,
    )
    if (probePasses(probe, answer)) {
      run.facts.healthy = true
      return
    }
    // The gateway came back without its routes: they are pushed again in the next turn.
    if ('error' in answer && answer.error === 'agent-not-routed') {
      run.facts.routed = false
      return
    }
    if (Date.now() + pause > until) break
    await delay(pause, undefined, { signal })
  }
  const waited = Date.now() - Math.max(startedAt, run.facts.beganAt)
  await progress(deps, run, healthWords(waited, probe.startDeadlineMs))
}

async function gatewayOf(deps: RunDeps, run: Run): Promise<string> {
  run.gatewayId ??= await withActor(deps.db, run.operation.actor, (tx) => assignGateway(tx, gatewayCapacity))
  return run.gatewayId
}

function containerOf(run: Run): ObservedContainer | undefined {
  const container = run.observed?.container
  return typeof container === 'object' && 'id' in container ? container : undefined
}

/** Passes on at most one text in `everyMs`, never two at once; a failure to write shows itself at the end. */
function throttled(everyMs: number, write: (text: string) => Promise<void>) {
  let last = 0
  let writing: Promise<void> | undefined
  let failed: unknown
  return {
    say(text: string) {
      const now = Date.now()
      if (writing || now - last < everyMs) return
      last = now
      writing = write(text)
        .catch((error) => {
          failed = error
        })
        .finally(() => {
          writing = undefined
        })
    },
    async settled() {
      await writing
      if (failed) throw failed
    },
  }
}

/** A step that outlived its time: tried again, with that reason. */
export function stepTimedOut(action: Action, ms: number): BackendError {
  return new BackendError('timeout', `the step "${action}" took longer than ${Math.round(ms / 1000)} s`, {
    retry: true,
  })
}
