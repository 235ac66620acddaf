import type { Action } from '../reconcile/plan.ts'
import { isUp, type Run, type RunDeps } from './run.ts'

/** How soon a start that the host guard holds back is tried again: after 2 s, and more seldom the longer it waits. */
export const heldMs = (attempt: number): number => Math.min(15_000, Math.max(2_000, 100 * attempt))

/**
 * Why a step has to wait until agents may start, in a person's words; undefined: it need not. What starts a program waits,
 * and what ends one so that it can be started anew: what runs goes on running while no start is allowed.
 */
export function whyHeld(deps: Pick<RunDeps, 'startsHeld'>, run: Run, action: Action): string | undefined {
  return leadsToStart(run, action) ? deps.startsHeld() : undefined
}

function leadsToStart(run: Run, action: Action): boolean {
  if (run.target.desired !== 'running' || run.facts.cancelled) return false
  if (action === 'deliver-keys') return !isWorthIt(run)
  return action === 'start' || action === 'stop' || action === 'remove-container'
}

/**
 * Whether keys are delivered although no start is allowed: to a program that runs, and where one is to be taken away. Once, and
 * not again with each try that ends at its start: deliveries are audited, and are bounded for each agent.
 */
function isWorthIt(run: Run): boolean {
  return !run.wasHeld && (isUp(run) || run.takesKeyBack || run.facts.keysOwed)
}
