import { liveWorkers } from '@nora/db/registry-read'
import type { Deps } from '../deps.ts'

/** A worker that has not been seen for longer is not asked. */
const freshSeconds = 15

/** The workers that may be asked, the freshest first; none when the list cannot be read. */
export function workersNow(deps: Pick<Deps, 'db' | 'log'>) {
  return liveWorkers(deps.db, freshSeconds).catch((error: unknown) => {
    deps.log.warn({ err: error }, 'the list of workers could not be read')
    return []
  })
}
