import type { Logger } from '@nora/log/logger'

/** How one background loop does; shown by the internal healthz. */
export type LoopHealth = {
  name: string
  everyMs: number
  lastOkAt: string | null
  lastError: string | null
  lastErrorAt: string | null
  /** Has not succeeded for five of its periods, and at least 15 s. */
  late: boolean
}

export type Loop = {
  /** Runs again at once (or right after the round in progress). */
  poke(): void
  /** Resolves when no round is running any more, after the signal has aborted. */
  ended: Promise<void>
}

export type Loops = {
  every(name: string, everyMs: number, run: (signal: AbortSignal) => Promise<void>): Loop
  /** For a round that lasts as long as all is well, such as a stream of events; it begins again after `everyMs`. */
  follow(name: string, everyMs: number, run: (signal: AbortSignal) => Promise<void>): Loop
  health(): LoopHealth[]
  /** Resolves when every loop has ended; abort the signal first. */
  ended(): Promise<void>
}

/** A followed stream that has lasted this long works. */
const followedMs = 5_000

/** Loops that go on whatever happens in a round: an error is logged (once while it stays the same) and shown. */
export function createLoops(log: Logger, signal: AbortSignal): Loops {
  const healths: (() => LoopHealth)[] = []
  const running: Promise<void>[] = []
  const loop = (
    name: string,
    everyMs: number,
    run: (signal: AbortSignal) => Promise<void>,
    endless: boolean,
  ): Loop => {
    const startedAt = Date.now()
    let okAt: number | undefined
    let errorAt: number | undefined
    let error: string | null = null
    let wake: () => void = () => undefined
    let poked = false

    const works = () => {
      if (error !== null) log.info({ loop: name }, 'the loop works again')
      okAt = Date.now()
      error = null
    }
    const round = async () => {
      const settled = endless ? setTimeout(works, followedMs) : undefined
      try {
        await run(signal)
        works()
      } catch (caught) {
        if (signal.aborted) return
        const text = caught instanceof Error ? caught.message : String(caught)
        if (text !== error) log.error({ err: caught, loop: name }, 'a round of the loop failed')
        error = text
        errorAt = Date.now()
      } finally {
        clearTimeout(settled)
      }
    }
    const rest = () =>
      new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, everyMs)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
        if (poked || signal.aborted) wake()
      })
    const go = async () => {
      while (!signal.aborted) {
        poked = false
        await round()
        await rest()
      }
    }
    const onAbort = () => wake()
    signal.addEventListener('abort', onAbort, { once: true })
    const ended = go()
    running.push(ended)
    healths.push(() => ({
      name,
      everyMs,
      lastOkAt: okAt === undefined ? null : new Date(okAt).toISOString(),
      lastError: error,
      lastErrorAt: error === null || errorAt === undefined ? null : new Date(errorAt).toISOString(),
      late: (!endless || error !== null) && Date.now() - (okAt ?? startedAt) > Math.max(15_000, 5 * everyMs),
    }))
    return {
      poke() {
        poked = true
        wake()
      },
      ended,
    }
  }
  return {
    every: (name, everyMs, run) => loop(name, everyMs, run, false),
    follow: (name, everyMs, run) => loop(name, everyMs, run, true),
    health: () => healths.map((health) => health()),
    async ended() {
      await Promise.all(running)
    },
  }
}
