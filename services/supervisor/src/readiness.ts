import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { instanceHeader } from '@nora/contract/readiness'
import { lastLines } from '@nora/embedded/wait'
import type { Installation } from './installation.ts'
import type { Kept } from './keep-running.ts'
import { ConfigurationRefused } from './parts.ts'

type Waiting = {
  installation: Installation
  /** What the api of this start was told, and nobody else knows. */
  instance: string
  kept: Kept[]
  step: (text: string) => void
  /** Told why nothing comes of it until somebody does something, and undefined when that is over. */
  blocked: (reason: string | undefined) => void
  signal: AbortSignal
}

/**
 * Waits for `GET /api/readyz` of this start's own api to answer 200, however long that takes, saying what is missing when it
 * takes long: what runs already is worth more than a stop. Throws only ConfigurationRefused, when a service refuses.
 */
export async function untilReady(waiting: Waiting): Promise<void> {
  const { installation, instance, kept, step, signal } = waiting
  const started = Date.now()
  let told = ''
  for (;;) {
    const now = kept.map((one) => one.status())
    const refused = now.find((one) => one.state === 'refused')
    if (refused) {
      const log = join(installation.layout.logs, `${refused.name}.log`)
      throw new ConfigurationRefused(`the ${refused.name} refuses to start. ${log}:\n${await lastLines(log)}`)
    }
    const answer = await readiness(installation.localUrl, instance, signal)
    signal.throwIfAborted()
    if (answer === 'ready') return waiting.blocked(undefined)
    // Ours has ended at least once, so it is not one that only has not begun to listen, or a last one that is about to end.
    const ended = now.some((one) => one.name === 'api' && one.restarts > 0)
    const taken = answer === 'a stranger' && ended ? portTaken(installation) : undefined
    waiting.blocked(taken)
    const words = taken ?? (answer === 'a stranger' ? 'it is not our api that answers' : answer)
    const early = Date.now() - started < 3_000
    if ((taken !== undefined || Date.now() - started > 10_000) && told !== words) {
      told = words
      step(`waiting until the api is ready: ${words}`)
    }
    // Quick at first, since most starts take a second or two; then slow, since the api limits what one address asks.
    await delay(early ? 100 : 1_000, undefined, { signal })
  }
}

const portTaken = ({ port, layout }: Installation) =>
  `another program has port ${port}: stop it, or give NORA_PORT in ${join(layout.config, 'installation.env')} another number`

/** `ready`; `a stranger`: somebody answers whom we have not started; else what is missing, for people. */
async function readiness(localUrl: string, instance: string, signal: AbortSignal): Promise<string> {
  const timeout = AbortSignal.any([signal, AbortSignal.timeout(5_000)])
  return fetch(`${localUrl}/api/readyz`, { signal: timeout, redirect: 'manual' }).then(
    async (response) => {
      const { missing } = (await response.json().catch(() => ({}))) as { missing?: string[] }
      // Refused before it was asked: it may be ours.
      if (response.status === 429) return 'it answers 429'
      if (response.headers.get(instanceHeader) !== instance) return 'a stranger'
      if (response.ok) return 'ready'
      return missing ? `missing: ${missing.join(', ')}` : `it answers ${response.status}`
    },
    ({ cause, message }: Error & { cause?: NodeJS.ErrnoException }) => {
      // What speaks no HTTP.
      if (cause?.code?.startsWith('HPE_')) return 'a stranger'
      return `no answer (${cause instanceof Error ? cause.message : message})`
    },
  )
}
