import { readFile } from 'node:fs/promises'
import type { Logger } from '@nora/log/logger'
import type { KeptGateways } from '../dataplane/keep-gateways.ts'
import { judgeReach, judgeStatus, staleMs, waiting } from './judge.ts'
import { hostTargets } from './targets.ts'

const reachMs = 1_000

export type HostGuard = {
  /** Why no agent may start now, in a person's words; undefined: they may. */
  startsHeld(): string | undefined
  /** Looks once. Throws why starts are held, so that the loop tells it and counts as late while it lasts. */
  look(signal: AbortSignal): Promise<void>
}

type Parts = {
  mode: 'required' | 'off'
  /** Where the guard says how it is; undefined: the probe alone decides. */
  statusFile: string | undefined
  pool: string
  /** Whether this process stands on the host itself, and so knows its addresses. */
  onHost: boolean
  reach: KeptGateways['reach']
  log: Logger
}

/**
 * Whether this host is closed to its agents, as found from inside their pool. Nothing is believed for longer than the guard
 * may be silent: a look that hangs holds starts back.
 */
export function hostGuard(parts: Parts): HostGuard {
  const { mode, statusFile, pool, log } = parts
  if (mode === 'off') return { startsHeld: () => undefined, look: async () => undefined }
  let held: string | undefined = `${waiting}: nobody has looked yet whether it closes this host`
  let lookedAt = Date.now()

  async function find(signal: AbortSignal): Promise<string | undefined> {
    if (statusFile) {
      const text = await readFile(statusFile, { encoding: 'utf8', signal }).catch(() => undefined)
      const bad = judgeStatus(text, Date.now())
      if (bad !== undefined) return bad
    }
    const request = { targets: hostTargets(pool, parts.onHost), timeoutMs: reachMs }
    return judgeReach(await parts.reach(request, signal))
  }

  return {
    startsHeld() {
      if (held === undefined && Date.now() - lookedAt > 2 * staleMs)
        return `${waiting}: it is long since somebody looked whether it closes this host`
      return held
    },
    async look(signal) {
      const before = held
      held = await find(signal).catch((error: Error) => `${waiting}: ${error.message}`)
      lookedAt = Date.now()
      if (held !== undefined) throw new Error(held)
      if (before !== undefined) log.info('the host guard closes this host: agents may start')
    },
  }
}
