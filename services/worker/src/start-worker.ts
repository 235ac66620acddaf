import { setTimeout as delay } from 'node:timers/promises'
import { expireRows } from '@nora/db/fleet'
import { beatWorker, releaseGateways, removeWorker } from '@nora/db/registry'
import type { WorkerDeps } from './deps.ts'
import { createLoops, type LoopHealth } from './loops.ts'
import { listenForRings } from './operations/doorbell.ts'
import { inFlight } from './operations/in-flight.ts'
import { runOperation } from './operations/run-operation.ts'
import { sweep } from './operations/sweep.ts'
import { followEvents, nextRetryMs, reconcileFleet } from './reconcile/drift.ts'
import { orphanRemover } from './reconcile/orphans.ts'

export type WorkerOptions = {
  redisUrl: string
  /** Of the queue's keys in Redis. */
  redisPrefix: string
  internalUrl: string
  /** Periods in milliseconds; tests shorten some. */
  periods?: Partial<typeof defaultPeriods>
  /** Operations that this worker runs at once at the most. */
  operations?: number
}

const defaultPeriods = {
  sweep: 1_000,
  beat: 5_000,
  gateways: 2_000,
  drift: 10_000,
  events: 1_000,
  housekeeping: 3_600_000,
  orphanGrace: 20_000,
}
/** Events come in bursts; one look serves them all. */
const burstMs = 200

export type RunningWorker = {
  health(): { loops: LoopHealth[]; redis: { up: boolean; lastError: string | null }; operations: number }
  /** Gives every lease back and ends; bounded by 8 s. */
  stop(): Promise<void>
}

/** Starts the loops of a worker: it takes operations, keeps gateways, and looks for drift, until it is stopped. */
export function startWorker(deps: WorkerDeps, options: WorkerOptions): RunningWorker {
  const { db, log, workerId, dataplane } = deps
  const stopping = new AbortController()
  const stop = stopping.signal
  const periods = { ...defaultPeriods, ...options.periods }
  const loops = createLoops(log, stop)

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
  const sweeper = loops.every('sweep', periods.sweep, () => sweep(db, work))
  const bell = listenForRings(options.redisUrl, options.redisPrefix, work, log, stop)

  const [current] = deps.keyring
  if (!current) throw new Error('a worker without a key')
  const beat = {
    id: workerId,
    kid8: current.kid8,
    keyVersion: current.version,
    internalUrl: options.internalUrl,
  }
  loops.every('heartbeat', periods.beat, () => beatWorker(db, beat))
  loops.every('gateways', periods.gateways, () => dataplane.keep())
  loops.every('housekeeping', periods.housekeeping, async () => {
    const rows = await expireRows(db)
    log.info({ rows }, 'expired rows removed')
  })

  const removeOrphans = orphanRemover(deps, periods.orphanGrace)
  let retry: NodeJS.Timeout | undefined
  const drift = loops.every('drift', periods.drift, async (signal) => {
    const onRequest = () => sweeper.poke()
    const { agents, listed } = await reconcileFleet({ ...deps, onRequest }, signal)
    clearTimeout(retry)
    const soon = nextRetryMs(agents, Date.now())
    if (soon !== undefined && soon < periods.drift) retry = setTimeout(() => drift.poke(), soon)
    await removeOrphans(agents, listed, signal)
    await delay(burstMs, undefined, { signal })
  })
  loops.follow('events', periods.events, (signal) => followEvents(deps.backend, () => drift.poke(), signal))

  return {
    health: () => ({ loops: loops.health(), redis: bell.health(), operations: work.count() }),
    async stop() {
      stopping.abort(new Error('the worker stops'))
      clearTimeout(retry)
      const ended = Promise.allSettled([work.drained(), loops.ended(), bell.close()])
      await Promise.race([ended, delay(8_000)])
      await Promise.allSettled([releaseGateways(db, workerId), removeWorker(db, workerId)])
    },
  }
}
