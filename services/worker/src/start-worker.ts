import { setTimeout as delay } from 'node:timers/promises'
import { version } from '@nora/contract/version'
import { expireRows } from '@nora/db/fleet'
import { endLeasesOf } from '@nora/db/leases'
import { trimChanges } from '@nora/db/live-streams'
import { beatWorker, releaseGateways, removeWorker } from '@nora/db/registry'
import { eraseLeftKeys, sweepWorkspaces } from '@nora/db/workspaces'
import { changesBell, logBell } from '@nora/events/bells'
import { startAudit } from './audit/start-audit.ts'
import type { WorkerDeps } from './deps.ts'
import { execSessions } from './exec/sessions.ts'
import { later } from './later.ts'
import { createLoops, type LoopHealth } from './loops.ts'
import { sampleRounds, trimAllSamples } from './metrics/sample-agents.ts'
import { listenForRings } from './operations/doorbell.ts'
import { inFlight } from './operations/in-flight.ts'
import type { RunDeps } from './operations/run.ts'
import { runOperation } from './operations/run-operation.ts'
import { sweep } from './operations/sweep.ts'
import { followEvents, nextRetryMs, reconcileFleet } from './reconcile/drift.ts'
import { healthRounds } from './reconcile/health.ts'
import { leftoverSweep } from './reconcile/leftovers.ts'
import { orphanRemover } from './reconcile/orphans.ts'
import { requireKeys } from './rotation/required-keys.ts'
import { rotator } from './rotation/rotate.ts'
import { startFollowers } from './streams/followers.ts'
import { startInternalServer } from './streams/internal-server.ts'
import { trimAllLogs } from './streams/trim-logs.ts'

export type WorkerOptions = {
  redisUrl: string
  /** Of the queue's keys in Redis. */
  redisPrefix: string
  /** Where the api reaches this worker. */
  internal: { bind: string; port: number; url: string | undefined }
  /** Periods in milliseconds; tests shorten some. */
  periods?: Partial<typeof defaultPeriods>
  /** Operations that this worker runs at once at the most. */
  operations?: number
}

const defaultPeriods = {
  sweep: 1_000,
  beat: 5_000,
  gateways: 2_000,
  guard: 3_000,
  drift: 10_000,
  events: 1_000,
  exec: 5_000,
  rotation: 10_000,
  workspaces: 5_000,
  housekeeping: 3_600_000,
  logRetention: 60_000,
  auditChain: 500,
  auditExport: 2_000,
  orphanGrace: 20_000,
  leftovers: 30_000,
  health: 30_000,
  metrics: 10_000,
  metricsRetention: 60_000,
  changes: 60_000,
}
/** Events come in bursts; one look serves them all. */
const burstMs = 200

export type WorkerHealth = {
  status: 'ok' | 'degraded'
  workerId: string
  operations: number
  loops: LoopHealth[]
  redis: { up: boolean; lastError: string | null }
  logs: { followed: number; reading: number; problems: number }
}

export type RunningWorker = {
  /** Of the internal port. */
  url: string
  health(): WorkerHealth
  /** Gives every lease back and ends; bounded by 8 s. */
  stop(): Promise<void>
}

/**
 * Starts the loops of a worker: it takes operations, keeps gateways, and looks for drift, until it is stopped. Throws KeysMissing
 * where stored secrets are sealed with a key that it lacks.
 */
export async function startWorker(parts: WorkerDeps, options: WorkerOptions): Promise<RunningWorker> {
  const { db, log, workerId, dataplane, bells } = parts
  const stopping = new AbortController()
  const stop = stopping.signal
  await inherit(parts)
  await requireKeys(parts, parts.lostKeys)
  const periods = { ...defaultPeriods, ...options.periods }
  const loops = createLoops(log, stop)

  const followers = startFollowers({
    ...parts,
    limits: { keptBytes: parts.kept.keptBytes, keptDays: parts.kept.keptDays },
    ring: (agentId) => bells.ring(logBell(options.redisPrefix, agentId)),
  })
  const deps: RunDeps = {
    ...parts,
    logs: followers,
    changed: (workspaceId) => bells.ring(changesBell(options.redisPrefix, workspaceId)),
  }
  const work = inFlight({
    limit: options.operations ?? 64,
    stop,
    log,
    run: (operationId, signal, onLease) => runOperation(deps, operationId, signal, onLease),
    // The next operation of the same agent may be due now, or this one again in a moment.
    onEnd: (outcome) => {
      if (outcome !== 'not-leased') sweeper.poke()
    },
  })
  let due: NodeJS.Timeout | undefined
  const sweeper = loops.every('sweep', periods.sweep, async () => {
    const soon = await sweep(db, work, periods.sweep)
    clearTimeout(due)
    if (soon !== undefined) due = setTimeout(() => sweeper.poke(), soon + 1)
  })
  const bell = listenForRings(options.redisUrl, options.redisPrefix, work, log, stop)

  const health = (): WorkerHealth => {
    const { followed, reading, problems } = followers.health()
    const states = loops.health()
    return {
      status: states.some((loop) => loop.late) ? 'degraded' : 'ok',
      workerId,
      operations: work.count(),
      loops: states,
      redis: bell.health(),
      logs: { followed, reading, problems: problems.length },
    }
  }
  const { bind, port } = options.internal
  const exec = execSessions(parts)
  const server = await startInternalServer({
    ...parts,
    exec,
    bellPrefix: options.redisPrefix,
    bind,
    port,
    health,
  })
  const url = options.internal.url ?? server.url

  const [current] = parts.keyring.keys
  if (!current) throw new Error('a worker without a key')
  const beat = {
    id: workerId,
    kid8: current.kid8,
    keyVersion: current.version,
    opens: Buffer.concat(parts.keyring.keys.map((key) => key.kid8)),
    internalUrl: url,
    version,
  }
  loops.every('heartbeat', periods.beat, () => beatWorker(db, beat))
  loops.every('gateways', periods.gateways, () => dataplane.keep())
  loops.every('host guard', periods.guard, (signal) => parts.guard.look(signal))
  loops.every('exec', periods.exec, () => exec.sweep())
  const rotate = rotator(parts)
  const rotation = loops.every('rotation', periods.rotation, async (signal) => {
    if (await rotate(signal)) rotation.poke()
  })
  loops.every('workspaces', periods.workspaces, async () => {
    const gone = await sweepWorkspaces(db)
    if (gone > 0) log.info({ gone }, 'deleted workspaces have gone')
  })
  loops.every('housekeeping', periods.housekeeping, async () => {
    const rows = await expireRows(db)
    const keys = await eraseLeftKeys(db)
    log.info({ rows, keys }, 'expired rows removed')
  })

  const onRequest = () => sweeper.poke()
  loops.every('leftovers', periods.leftovers, leftoverSweep(deps, periods.orphanGrace))
  loops.every('health', periods.health, healthRounds({ ...deps, onRequest }))
  loops.every('log retention', periods.logRetention, async (signal) => {
    const { chunks, bytes } = await trimAllLogs(db, parts.kept, signal)
    if (chunks > 0) log.info({ chunks, bytes }, 'the oldest log lines were removed')
  })
  loops.every('metrics', periods.metrics, sampleRounds(parts))
  loops.every('metrics retention', periods.metricsRetention, async (signal) => {
    const gone = await trimAllSamples(db, signal)
    if (gone > 0) log.info({ gone }, 'the oldest samples were removed')
  })
  loops.every('changes', periods.changes, () => trimChanges(db).then(() => undefined))
  startAudit(parts, loops, periods)

  const removeOrphans = orphanRemover(deps, periods.orphanGrace)
  let retry: NodeJS.Timeout | undefined
  const drift = loops.every('drift', periods.drift, async (signal) => {
    const { agents, listed } = await reconcileFleet({ ...deps, onRequest }, signal)
    clearTimeout(retry)
    const retryMs = nextRetryMs(agents, Date.now())
    if (retryMs !== undefined && retryMs < periods.drift) retry = setTimeout(() => drift.poke(), retryMs)
    await removeOrphans(agents, listed, signal)
  })
  // The engine tells of an end a moment before its own listing shows it: look soon, and once more.
  const soon = later(burstMs, () => drift.poke())
  const again = later(1_500, () => drift.poke())
  const onEvent = () => {
    soon.arm()
    again.arm()
  }
  loops.follow('events', periods.events, (signal) => followEvents(deps.backend, onEvent, signal))

  return {
    url,
    health,
    async stop() {
      stopping.abort(new Error('the worker stops'))
      for (const timer of [retry, due]) clearTimeout(timer)
      soon.clear()
      again.clear()
      const ended = [
        work.drained(),
        loops.ended(),
        bell.close(),
        exec.stop(),
        server.close(),
        followers.stop(),
      ]
      await Promise.race([Promise.allSettled(ended), delay(8_000)])
      bells.close()
      await Promise.allSettled([releaseGateways(db, workerId), removeWorker(db, workerId)])
    },
  }
}

/** Before its first lease: what is held under this worker's name is held by nobody. Waits for the database. */
async function inherit({ db, log, workerId }: WorkerDeps): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return await endLeasesOf(db, workerId)
    } catch (error) {
      if (tries % 20 === 0) log.warn({ err: error }, 'waiting for the database')
      await delay(500)
    }
  }
}
