import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

/**
 * Asks `probe` every `everyMs` until it gives something other than undefined, and returns that.
 * Throws `describe()`'s message after `deadlineMs`, and the signal's reason when aborted.
 */
export async function waitFor<T>(
  probe: () => Promise<T | undefined>,
  options: { signal: AbortSignal; deadlineMs: number; everyMs?: number; describe: () => Promise<string> },
): Promise<T> {
  const deadline = Date.now() + options.deadlineMs
  for (;;) {
    options.signal.throwIfAborted()
    const found = await probe()
    if (found !== undefined) return found
    if (Date.now() > deadline) throw new Error(await options.describe())
    await delay(options.everyMs ?? 20, undefined, { signal: options.signal })
  }
}

/** The last lines of a log file, for an error message; empty when there is none. */
export async function lastLines(file: string, count = 12): Promise<string> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  return text.trimEnd().split('\n').slice(-count).join('\n')
}
