import { describe, expect, test } from 'vitest'
import {
  allButContainer,
  began,
  check,
  context,
  exited,
  iso,
  nothing,
  target,
  up,
} from '../testing/plan-situations.ts'
import { crashCount, retryDelayMs } from './backoff.ts'

const stopped = target({ desired: 'stopped' })
const deleted = target({ desired: 'deleted' })

const gone = { kind: 'reconcile' as const, crashes: { count: 1, lastAt: began + 5_000 } }

describe('the program ended', () =>
  check([
    ['in this run', target(), exited(), context({ started: true }), 'record-crash'],
    [
      'in this operation, between two takings-up: perhaps with the engine',
      target(),
      exited(),
      context(),
      'deliver-keys',
    ],
    [
      'recorded',
      target(),
      exited(),
      context({ started: true, crashes: gone.crashes }),
      { do: 'give-up', code: 'program-exited', reason: 'the program exited with code 3' },
    ],
    [
      'out of memory',
      target(),
      exited({ oomKilled: true }),
      context({ started: true, crashes: gone.crashes }),
      { do: 'give-up', code: 'program-exited', reason: 'the program ran out of memory and was killed' },
    ],
    [
      'before a start was asked for',
      target(),
      exited({ startedAt: iso(-9_000) }),
      context({ kind: 'start' }),
      'deliver-keys',
    ],
    ['found by reconciliation', target(), exited(), context({ kind: 'reconcile' }), 'record-crash'],
    [
      'killed a moment ago',
      target(),
      exited(),
      context({ ...gone, now: began + 5_400 }),
      { do: 'wait', reason: 'the program exited with code 3; starting again', delayMs: 600 },
    ],
    ['its second is over', target(), exited(), context({ ...gone, now: began + 6_000 }), 'deliver-keys'],
    [
      'crashing for the fifth time',
      target(),
      exited(),
      context({ ...gone, crashes: { count: 5, lastAt: began + 5_000 } }),
      {
        do: 'give-up',
        code: 'program-exited',
        reason: 'the program exited with code 3; starting again in 11 s, at 10:00:21 UTC',
      },
    ],
    [
      'a crash after the recorded one',
      target(),
      exited({ finishedAt: iso(8_000) }),
      context(gone),
      'record-crash',
    ],
  ]))

describe('stop, delete, cancel', () =>
  check([
    ['stop: running', stopped, up(), context({ kind: 'stop' }), 'stop'],
    ['stop: paused', stopped, up({ status: 'paused' }), context({ kind: 'stop' }), 'stop'],
    ['stop: ended', stopped, exited(), context({ kind: 'stop' }), 'route'],
    ['stop: unrouted', stopped, exited(), context({ kind: 'stop', routed: true }), 'remove-keys'],
    [
      'stop: nothing left to do',
      stopped,
      exited(),
      context({ kind: 'stop', routed: true, keysRemoved: true }),
      'done',
    ],
    [
      'stop: never made',
      stopped,
      nothing,
      context({ kind: 'stop', routed: true, keysRemoved: true }),
      'done',
    ],
    ['delete: running', deleted, up(), context({ kind: 'delete' }), 'stop'],
    ['delete: ended', deleted, exited(), context({ kind: 'delete' }), 'remove-container'],
    ['delete: container gone', deleted, allButContainer, context({ kind: 'delete' }), 'route'],
    [
      'delete: unrouted',
      deleted,
      allButContainer,
      context({ kind: 'delete', routed: true }),
      'remove-network',
    ],
    ['delete: network gone', deleted, nothing, context({ kind: 'delete', routed: true }), 'remove-storage'],
    [
      'delete: data kept',
      target({ desired: 'deleted', keepData: true }),
      { ...nothing, storage: 'present' },
      context({ routed: true }),
      'remove-keys',
    ],
    [
      'delete: nothing left',
      deleted,
      nothing,
      context({ routed: true, keysRemoved: true, storageRemoved: true }),
      'done',
    ],
    ['cancelled: running', stopped, up(), context({ cancelled: true }), 'stop'],
    ['cancelled: made', stopped, up({ status: 'created' }), context({ cancelled: true }), 'remove-container'],
    [
      'cancelled: the volume stays',
      stopped,
      { ...nothing, storage: 'present' },
      context({ cancelled: true, routed: true }),
      'remove-keys',
    ],
    [
      'cancelled: clean',
      stopped,
      nothing,
      context({ cancelled: true, routed: true, keysRemoved: true }),
      'done',
    ],
    [
      'a cancelled start keeps its container',
      stopped,
      exited(),
      context({ cancelled: true, kind: 'start', routed: true }),
      'remove-keys',
    ],
    ['cancelled, and it is to go on running', target(), up(), context({ cancelled: true }), 'done'],
    ['cancelled for a delete', deleted, up(), context({ cancelled: true }), 'done'],
  ]))

test('waits 1 s after a failure, doubling to 5 minutes, afresh after 10 healthy minutes', () => {
  expect([0, 1, 2, 3, 9, 10, 1000].map(retryDelayMs)).toEqual([0, 1e3, 2e3, 4e3, 256e3, 300e3, 300e3])
  expect(crashCount(7, 599_999)).toBe(8)
  expect(crashCount(7, 600_000)).toBe(1)
})
