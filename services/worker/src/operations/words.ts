import type { AgentState, OperationKind } from '@nora/db/schema'
import type { Target } from '../backends/backend.ts'
import type { Action } from '../reconcile/plan.ts'

/** What people read while a step runs. */
export function stepWords(action: Action, target: Target): string {
  const words: Record<Action, string> = {
    'ensure-image': `looking for image ${target.image.reference}`,
    'ensure-network': 'making its private network',
    'ensure-storage': 'making its volume',
    'deliver-keys': 'delivering its keys',
    'ensure-container': 'making its container',
    start: 'starting',
    'attach-gateway': 'connecting the gateway',
    route:
      target.desired === 'running'
        ? 'telling the gateway its address'
        : 'closing its way through the gateway',
    'await-healthy': 'waiting for the health check',
    'reload-keys': 'telling the program about its keys',
    'restore-name': 'giving its container its name back',
    'record-crash': 'the program ended; reading its last lines',
    stop: 'stopping',
    'remove-container': 'keeping its last log lines, then removing its container',
    'remove-network': 'removing its private network',
    'remove-storage': 'removing its volume',
    'remove-keys': 'removing its keys from memory',
  }
  return words[action]
}

/** The state an agent shows while an operation works on it; undefined: it keeps the one it has. */
export function workingState(
  kind: OperationKind,
  target: Target,
  before: AgentState,
): AgentState | undefined {
  if (target.desired === 'deleted') return 'deleting'
  if (target.desired === 'stopped') return before === 'stopped' ? undefined : 'stopping'
  if (kind === 'sync-keys') return before === 'queued' ? 'provisioning' : undefined
  if (kind === 'reconcile') return before === 'error' || before === 'degraded' ? undefined : 'degraded'
  return 'provisioning'
}

/** Failures in a row from which on an agent that had been running counts as broken, not as recovering. */
const brokenAfter = 5

/** `degraded` while restarts may still help a program that has run before; `error` otherwise. */
export function crashedState(hadRun: boolean, failures: number): AgentState {
  return hadRun && failures < brokenAfter ? 'degraded' : 'error'
}

const mostReason = 600

const lacksKey = 'a key is not there for it: '
/** Why an agent runs on without a key that it should have, and whether a state's reason says that. */
export const lacksKeyWords = (reason: string) => `${lacksKey}${reason}`
export const saysLacksKey = (stateReason: string) => stateReason.startsWith(lacksKey)

/** A reason with the program's own last lines behind it, short enough for a list. */
export function withLastWords(reason: string, lines: readonly string[]): string {
  const words = lines.slice(-5).join('\n').trim()
  const text = words === '' ? reason : `${reason}: ${words}`
  return text.length <= mostReason ? text : `${text.slice(0, mostReason - 1)}…`
}

/** `waiting for the health check: 12 of 60 s`. */
export function healthWords(waitedMs: number, deadlineMs: number): string {
  const seconds = Math.min(Math.floor(waitedMs / 1000), Math.round(deadlineMs / 1000))
  return `waiting for the health check: ${seconds} of ${Math.round(deadlineMs / 1000)} s`
}
