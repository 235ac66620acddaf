import type { Backend, LogCursor } from '../backends/backend.ts'
import type { LineBudget } from './line-budget.ts'
import { lineJoiner } from './line-joiner.ts'
import type { LogWriter } from './log-writer.ts'

export type ReadDeps = { backend: Pick<Backend, 'logs'>; budget: LineBudget }

/** Commits begin at least this far apart: lines of one moment travel together, and a lone line does not wait. */
const commitEveryMs = 15
/** Raw bytes that wait for a commit before reading pauses. */
const mostPending = 1024 * 1024
/** A line whose end does not come is stored as far as it is there. */
const waitForEndMs = 5_000

/**
 * Reads one container's log from the stored cursor and stores it, until its end (`ended`), or until the agent has
 * printed faster than it may for so long that its budget is used up (`over-budget`: reading stops, the engine keeps the
 * lines; what it throws away until reading goes on shows as a gap). Reading goes on while a commit is under way.
 * @throws what the backend or the database throws, and the signal's reason; what is not stored is read again.
 */
export async function readContainer(
  deps: ReadDeps,
  writer: LogWriter,
  containerId: string,
  unhurried: () => boolean,
  signal: AbortSignal,
): Promise<'ended' | 'over-budget'> {
  const joiner = lineJoiner()
  const failed = new AbortController()
  const over = AbortSignal.any([signal, failed.signal])
  let committing: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let began = 0
  let overdrawn = false

  function commit(): void {
    timer = undefined
    if (committing) return
    if (joiner.waitedMs(Date.now()) > waitForEndMs) joiner.finish()
    const { lines, position } = joiner.take()
    if (lines.length === 0) return
    began = performance.now()
    deps.budget.spend(lines.length)
    overdrawn = deps.budget.waitMs(0) > 0
    committing = writer.write(lines, position).then(
      () => {
        committing = undefined
        schedule()
      },
      (error) => failed.abort(error),
    )
  }
  function schedule(): void {
    if (timer || committing || over.aborted) return
    const waiting = joiner.readyBytes() > 0 || joiner.hasReady()
    if (waiting) timer = setTimeout(commit, Math.max(0, commitEveryMs - (performance.now() - began)))
    else if (joiner.waitedMs(Date.now()) > 0) timer = setTimeout(commit, waitForEndMs + 1)
  }
  async function flush(): Promise<void> {
    clearTimeout(timer)
    while (joiner.hasReady() || committing) {
      commit()
      clearTimeout(timer)
      timer = undefined
      await committing
      over.throwIfAborted()
    }
  }

  const { containerId: known, cursorTs: ts, cursorOrdinal: ordinal } = writer.state()
  const cursor: LogCursor | undefined =
    known === containerId && ts !== null ? { containerId, ts, ordinal } : undefined
  try {
    for await (const frames of deps.backend.logs(containerId, cursor, over)) {
      for (const frame of frames) joiner.push(frame)
      schedule()
      if (joiner.readyBytes() >= mostPending) {
        await committing
        over.throwIfAborted()
        clearTimeout(timer)
        commit()
      }
      if (overdrawn && unhurried()) {
        await flush()
        return 'over-budget'
      }
    }
    over.throwIfAborted()
    joiner.finish()
    await flush()
    return 'ended'
  } catch (error) {
    throw failed.signal.aborted ? failed.signal.reason : error
  } finally {
    clearTimeout(timer)
    failed.abort(new Error('reading ended'))
    await committing?.catch(() => undefined)
  }
}
