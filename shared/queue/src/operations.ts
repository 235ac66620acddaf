import { Queue } from 'bullmq'
import type { Redis } from 'ioredis'

/** The doorbell's name and all it may ever carry: an id. No spec, no secret, no tenant's data enters Redis. */
export const operationsQueue = 'operations'
export type OperationJob = { operationId: string }

/**
 * A doorbell on the operations queue. `connection` belongs to the caller, who closes it.
 * Jobs are removed when done or failed: Postgres is the truth, and a repeated job id would otherwise be swallowed.
 */
export function operationsDoorbell(connection: Redis, prefix: string): Queue<OperationJob> {
  return new Queue<OperationJob>(operationsQueue, {
    connection,
    prefix,
    defaultJobOptions: { removeOnComplete: true, removeOnFail: true, attempts: 1 },
  })
}

/**
 * Rings for an operation. Never throws and waits at most `deadlineMs`: a lost ring costs latency only, because the
 * sweeper rings again each second.
 */
export async function ring(
  queue: Queue<OperationJob>,
  operationId: string,
  onError: (error: unknown) => void,
  deadlineMs = 1_000,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the queue did not answer in time')), deadlineMs)
  })
  try {
    await Promise.race([queue.add('ring', { operationId }), late])
  } catch (error) {
    onError(error)
  } finally {
    clearTimeout(timer)
  }
}
