import type { Permission } from '@nora/contract/permissions'
import { type CallerActor, type Entered, refusalOf, withActor } from '@nora/db/actor'
import { allows } from '@nora/domain/roles'
import { keyAllows } from '@nora/domain/scopes'
import type { Deps } from '../deps.ts'

/** How soon a sign-out, a demotion or a removal ends what is open. */
export const recheckMs = 4_000
/** How long a permission that could not be checked counts as held. */
const trustMs = 60_000

export type Watch = { stop: () => void }

/** Runs a check every few seconds until it refuses (then `onRevoked`, once) or until it is stopped. */
export function watch(
  deps: Pick<Deps, 'clock' | 'log'>,
  check: () => Promise<'held' | 'revoked'>,
  onRevoked: () => void,
  everyMs = recheckMs,
): Watch {
  let confirmed = deps.clock()
  let running = false
  const tick = async () => {
    if (running) return
    running = true
    const verdict = await check().catch((error: unknown) => {
      if (refusalOf(error)) return 'revoked' as const
      deps.log.warn({ err: error }, 'a permission could not be checked again')
      return deps.clock() - confirmed > trustMs ? ('revoked' as const) : ('unknown' as const)
    })
    running = false
    if (verdict === 'held') confirmed = deps.clock()
    if (verdict !== 'revoked') return
    stop()
    onRevoked()
  }
  const timer = setInterval(() => void tick(), everyMs)
  timer.unref()
  const stop = () => clearInterval(timer)
  return { stop }
}

/** Watches that a session or key lives and its role in its workspace still has a permission. */
export function watchPermission(
  deps: Pick<Deps, 'db' | 'clock' | 'log'>,
  held: { actor: CallerActor; permission: Permission; onRevoked: () => void },
): Watch {
  const check = () =>
    withActor(deps.db, held.actor, async (_tx, entered) =>
      mayStill(entered, held.permission) ? ('held' as const) : ('revoked' as const),
    )
  return watch(deps, check, held.onRevoked)
}

const mayStill = (entered: Entered<CallerActor>, permission: Permission): boolean =>
  'scopes' in entered ? keyAllows(entered.role, entered.scopes, permission) : allows(entered.role, permission)
