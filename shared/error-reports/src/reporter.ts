import type { ErrorReports } from '@nora/config/error-reports'
import { fetchPublic } from '@nora/dial/fetch-public'
import { type Event, eventOf } from './event.ts'

export type Reporter = {
  /** Takes a finished log line of level error or fatal. Returns at once and never throws. */
  report(line: string): void
  /** Resolves when nothing waits any more, or `ms` have passed. */
  flush(ms: number): Promise<void>
  /** How many lines were told, held back for what was in them, and lost: to a full queue, too many a minute, or a server that did not take them. */
  counts(): { sent: number; heldBack: number; lost: number }
}

export type ReporterOptions = {
  to: ErrorReports
  environment: string
  /** Says once in a while that reports are being lost; its own lines are not reported. */
  onLost: (reason: string) => void
  /** Milliseconds; tests shorten them. */
  times?: Partial<typeof defaultTimes>
}

const defaultTimes = { send: 5_000, pause: 60_000, minute: 60_000, tell: 60_000 }
const mostWaiting = 50
const mostPerMinute = 60

/**
 * Sends errors to an ingest endpoint that the operator named, one at a time, each with a deadline. What it cannot send it forgets:
 * the log has it.
 */
export function createReporter({ to, environment, onLost, times }: ReporterOptions): Reporter {
  const { send, pause, minute, tell } = { ...defaultTimes, ...times }
  const waiting: Event[] = []
  const counts = { sent: 0, heldBack: 0, lost: 0 }
  let working: Promise<void> | undefined
  let pausedUntil = 0
  let toldAt = Number.NEGATIVE_INFINITY
  let taken = { since: Number.NEGATIVE_INFINITY, n: 0 }

  function lose(reason: string): void {
    counts.lost++
    if (performance.now() - toldAt < tell) return
    toldAt = performance.now()
    onLost(reason)
  }

  function admits(): boolean {
    const now = performance.now()
    if (now - taken.since >= minute) taken = { since: now, n: 0 }
    return taken.n++ < mostPerMinute
  }

  async function work(): Promise<void> {
    for (let event = waiting.shift(); event; event = waiting.shift()) {
      if (performance.now() < pausedUntil) {
        lose('the server asked for a pause')
        continue
      }
      try {
        const status = await post(to, event, AbortSignal.timeout(send))
        if (status >= 200 && status < 300) counts.sent++
        else {
          if (status === 429 || status >= 500) pausedUntil = performance.now() + pause
          lose(`the server answered ${status}`)
        }
      } catch (error) {
        pausedUntil = performance.now() + Math.min(pause, send)
        lose(error instanceof Error ? error.message : 'it failed')
      }
    }
  }

  // `work` may end before it has waited for anything: only afterwards is it known to be over.
  function start(): void {
    working ??= work().finally(() => {
      working = undefined
      if (waiting.length > 0) start()
    })
  }

  return {
    report(line) {
      const event = eventOf(line, environment)
      if (!event) counts.heldBack++
      else if (!admits()) lose('there are too many a minute')
      else if (waiting.length >= mostWaiting) lose('too many wait')
      else {
        waiting.push(event)
        start()
      }
    },
    async flush(ms) {
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, ms)
      })
      await Promise.race([working, late])
      clearTimeout(timer)
    },
    counts: () => ({ ...counts }),
  }
}

/** An envelope of one event (https://develop.sentry.dev/sdk/foundations/envelopes/). No redirect is followed, no cookie is kept. */
async function post(to: ErrorReports, event: Event, signal: AbortSignal): Promise<number> {
  const length = Buffer.byteLength(event.text)
  const body = [
    JSON.stringify({ event_id: event.id, sent_at: new Date().toISOString() }),
    JSON.stringify({ type: 'event', content_type: 'application/json', length }),
    `${event.text}\n`,
  ].join('\n')
  const headers = {
    'content-type': 'application/x-sentry-envelope',
    'x-sentry-auth': `Sentry sentry_version=7, sentry_client=nora/1, sentry_key=${to.publicKey}`,
  }
  const options = { allowHosts: to.allowHosts, signal, mostBytes: 64 * 1024 }
  return (await fetchPublic(to.url, { method: 'POST', headers, body }, options)).status
}
