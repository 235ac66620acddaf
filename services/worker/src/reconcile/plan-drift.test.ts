import { describe } from 'vitest'
import { began, check, context, exited, iso, target, up } from '../testing/plan-situations.ts'

const keys = { keysDelivered: true }

describe('what somebody else did to it, or left undone', () =>
  check([
    [
      'stopped because it was paused: its end is no crash',
      target(),
      exited(),
      context({ kind: 'reconcile', stopped: true, keysDelivered: true }),
      'start',
    ],
    ['renamed', target(), up({ renamed: true }), context({ kind: 'reconcile' }), 'restore-name'],
    ['cut off from its network', target(), up({ ip: null }), context({ kind: 'reconcile' }), 'stop'],
    [
      'its network was removed under it',
      target(),
      { ...up({ ip: null }), network: 'absent' },
      context({ kind: 'reconcile' }),
      'stop',
    ],
    [
      'an owed key: first the files',
      target(),
      up(),
      context({ kind: 'reconcile', keysOwed: true }),
      'deliver-keys',
    ],
    [
      'an owed key: then the program',
      target(),
      up(),
      context({ kind: 'reconcile', keysOwed: true, ...keys }),
      'reload-keys',
    ],
    [
      'healthy before, a moment after it was asked again',
      target(),
      up({ startedAt: iso(-1) }),
      context({ kind: 'reconcile', wasHealthy: true, routed: true, now: began + 10_000 }),
      'await-healthy',
    ],
    [
      'healthy before, and still not answering',
      target(),
      up({ startedAt: iso(-1) }),
      context({ kind: 'reconcile', wasHealthy: true, routed: true, now: began + 10_001 }),
      { do: 'give-up', code: 'not-healthy', reason: 'not healthy after 10 s' },
    ],
    [
      'healthy before, and started anew: it has all its time',
      target(),
      up({ startedAt: iso(0) }),
      context({ kind: 'reconcile', wasHealthy: true, routed: true, now: began + 10_001 }),
      'await-healthy',
    ],
  ]))
