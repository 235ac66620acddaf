import type { Run } from './run.ts'

/** How often in a row an agent whose program runs on is looked at again after a failure; then it is left to people. */
export const mostLooks = 10

// Failures of a moment or of the engine. What somebody has to change (an image, a limit, a name) no look mends.
const mendable = new Set([
  'engine-unavailable',
  'engine-error',
  'not-found',
  'timeout',
  'network-conflict',
  'addresses-stuck',
  'container-spoilt',
  'deadline',
  'not-converging',
])

/**
 * Whether looking at a degraded agent again may bring it back. A look restarts and replaces nothing that runs: what was
 * asked for and not done (keys to be delivered, a new generation to be started) stays failed, with its reason.
 */
export function isLookedAtAgain({ operation, agent, target }: Run, code: string): boolean {
  // A stop or a delete is asked for until it is done.
  if (target.desired !== 'running') return false
  if (!mendable.has(code) || operation.kind === 'sync-keys') return false
  return operation.kind === 'reconcile' || agent.observed_generation === target.generation
}

/** What people read of a failure on a program that runs on: whether anything more happens by itself. */
export function failureWords(reason: string, tries: number): string {
  return tries <= mostLooks
    ? `${reason}; looking again (${tries} of ${mostLooks})`
    : `${reason}; it is not looked at again by itself: restart or redeploy it`
}
