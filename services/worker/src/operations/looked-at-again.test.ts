import { expect, test } from 'vitest'
import { isLookedAtAgain } from './looked-at-again.ts'
import type { Run } from './run.ts'

const run = (kind: string, desired: string, observed = 1) =>
  ({
    operation: { kind },
    agent: { observed_generation: observed },
    target: { desired, generation: 1 },
  }) as Run

test.each([
  ['a look that failed', 'reconcile', 'running', 'engine-error', true],
  ['a restart that failed', 'restart', 'running', 'engine-error', true],
  ['what somebody has to change', 'reconcile', 'running', 'image-not-found', false],
  ['keys that were asked for', 'sync-keys', 'running', 'engine-error', false],
  // These are not given up after ten times, and so must not be said to be.
  ['a stop that failed', 'stop', 'stopped', 'engine-error', false],
  ['a look at what is to stop', 'reconcile', 'stopped', 'engine-error', false],
  ['a delete that failed', 'delete', 'deleted', 'timeout', false],
] as const)('%s', (_, kind, desired, code, again) => {
  expect(isLookedAtAgain(run(kind, desired), code)).toBe(again)
})
