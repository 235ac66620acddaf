import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Child, Exit } from './child.ts'

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

/**
 * Waits until the server that `child` runs is ready: until `probe` gives something, which is returned. Throws with the
 * last lines of its log when it ends first or is not ready within `deadlineMs`; the child is then the caller's to stop.
 */
export async function untilReady<T>(
  child: Child,
  probe: () => Promise<T | undefined>,
  server: { name: string; logFile: string; signal: AbortSignal; deadlineMs: number; everyMs?: number },
): Promise<T> {
  const { name, logFile, ...timing } = server
  let exit: Exit | undefined
  void child.exited.then((ended) => {
    exit = ended
  })
  return waitFor(
    async () => {
      if (exit) throw new Error(`${name} ended while starting:\n${await lastLines(logFile)}`)
      return probe()
    },
    {
      ...timing,
      describe: async () =>
        `${name} was not ready after ${server.deadlineMs / 1000} s:\n${await lastLines(logFile)}`,
    },
  )
}

/** The last lines of a log file, for an error message; empty when there is none. */
export async function lastLines(file: string, count = 12): Promise<string> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  return text.trimEnd().split('\n').slice(-count).join('\n')
}
