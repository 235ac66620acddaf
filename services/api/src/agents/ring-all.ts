import { ring } from '@nora/queue/operations'
import type { Deps } from '../deps.ts'

/** Rings for operations that have committed. Never throws: a lost ring is made good by the sweeper within a second. */
export async function ringAll(
  deps: Pick<Deps, 'queue' | 'log'>,
  ids: readonly (string | null)[],
): Promise<void> {
  const wanted = ids.filter((id) => id !== null)
  await Promise.all(
    wanted.map((operationId) =>
      ring(deps.queue, operationId, (err) =>
        deps.log.warn({ err, operationId }, 'could not ring for an operation'),
      ),
    ),
  )
}
