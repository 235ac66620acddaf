import { setTimeout as delay } from 'node:timers/promises'
import { refusedExitCode } from '@nora/config/boot'
import type { Exit } from '@nora/embedded/child'

/** A process that runs: what postgres, redis, the engine and our own services have in common. */
export type Running = {
  pid: number
  exited: Promise<Exit>
  stop(): Promise<unknown>
}

export type ProcessState = 'starting' | 'running' | 'waiting' | 'refused' | 'stopped'

export type ProcessStatus = {
  name: string
  state: ProcessState
  pid: number | null
  restarts: number
  /** RFC 3339 time of the last change. */
  since: string
  /** Why it is in this state, for people. */
  reason: string
}

/** One line of a table for people; it ends with the reason. */
export const statusLine = (one: ProcessStatus): string =>
  [
    one.name,
    one.state,
    String(one.pid ?? '-'),
    `${one.restarts} restarts`,
    `since ${one.since}`,
    one.reason,
  ].join('  ')

export type Kept = {
  status(): ProcessStatus
  /** Resolves when the first start has succeeded; rejects when it failed or was refused. */
  started: Promise<void>
  /** Ends it and starts it anew at once, without counting a crash. */
  restart(): Promise<void>
  stop(): Promise<void>
  /** Stops watching and leaves the process running: the caller is about to end. */
  release(): void
}

/**
 * Starts a process and starts it again whenever it ends, after 0.2 s, 0.4 s ... up to 30 s; a minute of running
 * resets the back-off. Says what happens through `say`. A process that refuses its configuration is left alone.
 */
export function keepRunning(options: {
  name: string
  start(signal: AbortSignal): Promise<Running>
  say(line: string): void
  /** The first wait in milliseconds (tests shorten it). */
  firstDelayMs?: number
}): Kept {
  const { name, say } = options
  const stopping = new AbortController()
  const status: ProcessStatus = { name, ...changed('starting', 'first start'), pid: null, restarts: 0 }
  let current: Running | undefined
  let restarting = false
  let settle: { resolve(): void; reject(error: Error): void }
  const started = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject }
  })
  started.catch(() => undefined) // whoever waits sees it; nobody waiting must not end the supervisor

  const to = (state: ProcessState, reason: string, pid: number | null = null) =>
    Object.assign(status, changed(state, reason), { pid })

  async function loop() {
    let failures = 0
    while (!stopping.signal.aborted) {
      const startedAt = Date.now()
      const ending = await once()
      if (stopping.signal.aborted || ending.refused) break
      if (restarting) {
        restarting = false
        continue
      }
      if (Date.now() - startedAt > 60_000) failures = 0
      const waitMs = Math.min(30_000, (options.firstDelayMs ?? 200) * 2 ** failures++)
      status.restarts++
      to('waiting', `${ending.reason}; starting again in ${waitMs / 1000} s`)
      say(`${name}: ${status.reason}`)
      await delay(waitMs, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
  }

  async function once(): Promise<{ reason: string; refused: boolean }> {
    to('starting', 'starting')
    try {
      current = await options.start(stopping.signal)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      settle.reject(new Error(`${name} did not start: ${reason}`))
      return { reason, refused: false }
    }
    to('running', 'running', current.pid)
    settle.resolve()
    // Asked to stop while it was starting: `stop` had nothing to end yet.
    if (stopping.signal.aborted) await current.stop()
    const exit = await current.exited
    current = undefined
    const reason = `ended with ${exit.signal ?? `code ${exit.code}`}`
    // It said its configuration is wrong: trying again changes nothing.
    if (exit.code !== refusedExitCode) return { reason, refused: false }
    to('refused', 'refuses its configuration: see its log, correct it, then restart')
    say(`${name}: ${status.reason}`)
    return { reason, refused: true }
  }

  const finished = loop()
  return {
    status: () => ({ ...status }),
    started,
    async restart() {
      restarting = true
      await current?.stop()
    },
    async stop() {
      stopping.abort()
      await current?.stop()
      await finished
      to('stopped', 'stopped')
    },
    release: () => stopping.abort(),
  }
}

const changed = (state: ProcessState, reason: string) => ({ state, reason, since: new Date().toISOString() })
