import { refusalOf, withActor } from '@nora/db/actor'
import { chunksAfter, type LogChunkRow } from '@nora/db/logs'
import type { DB } from '@nora/db/schema'
import { type LogView, logView } from '@nora/db/viewer-streams'
import type { Logger } from '@nora/log/logger'
import type { Kysely } from 'kysely'
import { piecesOf, stateFrame } from './view-frames.ts'
import { closeCodes, type Viewer } from './viewer.ts'

/** What is new in one agent's log, read once for all who watch it here. */
export type AgentFeed = {
  /** The number of the newest line that was read; everything up to it is in the database. */
  position(): number
  join(viewer: Viewer): void
  leave(viewer: Viewer): void
  /** Look for something new now. */
  ring(): void
  stop(): void
}

const lookEveryMs = 1_000
const chunksAtOnce = 16
const failuresUntilClosed = 10

/**
 * Reads each time in the context of one of the viewers, a live one, in turns: a viewer who may not see the log any more
 * is closed when its turn comes (and by its own check). The bell makes it quick, the look each second makes it sure.
 */
export function agentFeed(db: Kysely<DB>, agentId: string, log: Logger): AgentFeed {
  const viewers = new Set<Viewer>()
  let position: number | undefined
  let view: LogView | undefined
  let looking = false
  let again = false
  let failures = 0
  const timer = setInterval(() => ring(), lookEveryMs)

  function ring(): void {
    again = true
    if (looking) return
    looking = true
    const run = async () => {
      while (again && viewers.size > 0) {
        again = false
        await look()
      }
    }
    run().finally(() => {
      looking = false
    })
  }

  async function look(): Promise<void> {
    const [viewer] = viewers as Iterable<Viewer> as [Viewer]
    // To the end of the queue.
    viewers.delete(viewer)
    viewers.add(viewer)
    try {
      const seen = await withActor(db, viewer.actor, async (tx) => {
        const now = await logView(tx, agentId)
        const after = position ?? now?.newestSeq ?? 0
        const fresh = now && now.newestSeq > after
        return {
          now,
          after,
          rows: fresh ? await chunksAfter(tx, { agentId, after, limit: chunksAtOnce }) : [],
        }
      })
      failures = 0
      if (!seen.now) for (const one of [...viewers]) one.close(closeCodes.agentGone)
      else await spread(seen.now, seen.after, seen.rows)
    } catch (error) {
      const refusal = refusalOf(error)
      if (refusal) {
        viewers.delete(viewer)
        viewer.close(closeCodes.permission)
        again = true
        return
      }
      log.warn({ agentId, err: error }, 'reading a log for its viewers failed')
      if (++failures < failuresUntilClosed) return
      for (const one of [...viewers]) one.close(closeCodes.tryAgain)
    }
  }

  async function spread(now: LogView, after: number, rows: LogChunkRow[]): Promise<void> {
    const pieces = await piecesOf(rows, after, { holes: true })
    const first = position === undefined
    position = pieces.at(-1)?.last ?? after
    for (const viewer of viewers) for (const piece of pieces) viewer.offer(piece)
    if (view?.state !== now.state || view.reason !== now.reason) {
      for (const viewer of viewers) viewer.tell(stateFrame(now.state, now.reason))
    }
    view = now
    if (first) for (const viewer of viewers) viewer.catchUp()
    if (rows.length === chunksAtOnce) again = true
  }

  return {
    position: () => position ?? 0,
    join(viewer) {
      viewers.add(viewer)
      if (view) {
        viewer.tell(stateFrame(view.state, view.reason))
        viewer.catchUp()
      }
      ring()
    },
    leave(viewer) {
      viewers.delete(viewer)
    },
    ring,
    stop: () => clearInterval(timer),
  }
}
