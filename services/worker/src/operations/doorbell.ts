import type { Logger } from '@nora/log/logger'
import { type OperationJob, operationsQueue } from '@nora/queue/operations'
import { Worker } from 'bullmq'
import { Redis } from 'ioredis'
import type { InFlight } from './in-flight.ts'

export type Doorbell = { health(): { up: boolean; lastError: string | null }; close(): Promise<void> }

/** Rings may repeat without end: what they ring for is decided in Postgres. */
const anyNumber = 1_000_000

/**
 * Listens for rings. A ring begins its operation and ends at once; while this worker is full, rings wait in the queue
 * for another. A ring for an operation that waits behind an open one makes that one look whether it was cancelled.
 * Without Redis nothing is lost but time: the sweeper finds the operation within a second.
 */
export function listenForRings(
  redisUrl: string,
  prefix: string,
  work: InFlight,
  log: Logger,
  stop: AbortSignal,
): Doorbell {
  const connection = new Redis(redisUrl, {
    maxRetriesPerRequest: null,
    enableReadyCheck: true,
    retryStrategy: (times) => Math.min(100 * 2 ** Math.min(times, 5), 2_000),
  })
  let lastError: string | null = null
  const note = (error: Error) => {
    if (stop.aborted || error.message === lastError) return
    lastError = error.message
    log.warn({ err: error }, 'the doorbell does not work; operations are found by sweeping')
  }
  connection.on('error', note)
  connection.on('ready', () => {
    if (lastError !== null) log.info('the doorbell works again')
    lastError = null
  })
  const worker = new Worker<OperationJob>(
    operationsQueue,
    async (job) => {
      await work.room(stop)
      work.pokeAll()
      work.offer(job.data.operationId)
    },
    {
      connection,
      prefix,
      concurrency: 8,
      lockDuration: 10_000,
      stalledInterval: 5_000,
      maxStalledCount: anyNumber,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    },
  )
  worker.on('error', note)
  return {
    health: () => ({ up: connection.status === 'ready', lastError }),
    async close() {
      await worker.close(true)
      connection.disconnect()
    },
  }
}
