import { describe } from 'vitest'
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

const stopped = target({ desired: 'stopped' })
const deleted = target({ desired: 'deleted' })
const keys = { keysDelivered: true }
const ready = { routed: true, healthy: true }
const created = { status: 'created', startedAt: null } as const

describe('from nothing to running', () =>
  check([
    ['nothing is there', target(), nothing, context(), 'ensure-image'],
    ['the image is', target(), { ...nothing, image: 'present' }, context(), 'ensure-network'],
    ['the network is', target(), { ...allButContainer, storage: 'absent' }, context(), 'ensure-storage'],
    [
      'its limit was not recorded',
      target(),
      allButContainer,
      context({ diskEnforced: null }),
      'ensure-storage',
    ],
    ['all but the container', target(), allButContainer, context(), 'deliver-keys'],
    ['keys are in place', target(), allButContainer, context(keys), 'ensure-container'],
    ['the container was made', target(), up(created), context({ ...keys, made: true }), 'start'],
    ['made by a worker that died: taken over', target(), up(created), context(keys), 'ensure-container'],
    ['made by a worker that died, keys first', target(), up(created), context(), 'deliver-keys'],
    ['started', target(), up({ gatewayAttached: false }), context(), 'attach-gateway'],
    ['attached', target(), up(), context(), 'route'],
    ['routed', target(), up(), context({ routed: true }), 'await-healthy'],
    ['healthy', target(), up(), context(ready), 'done'],
    [
      'no port: nothing to route',
      target({ httpPort: undefined, probe: undefined } as object),
      up({ gatewayAttached: false }),
      context(),
      'done',
    ],
    [
      'no probe, just started',
      target({ probe: undefined } as object),
      up({ startedAt: iso(9_500) }),
      context({ routed: true }),
      'await-healthy',
    ],
    [
      'not healthy for 60 s',
      target(),
      up(),
      context({ routed: true, now: began + 62_000 }),
      { do: 'give-up', code: 'not-healthy', reason: 'not healthy after 60 s' },
    ],
    [
      'an old container gets its full time',
      target(),
      up({ startedAt: iso(-3_600_000) }),
      context({ routed: true, now: began + 59_000 }),
      'await-healthy',
    ],
  ]))

describe('what is not ours is never touched', () =>
  check([
    [
      'a container has the name',
      target(),
      { ...allButContainer, container: { foreign: 'web (abc)' } },
      context(),
      {
        do: 'give-up',
        code: 'name-taken',
        reason:
          "a container that Nora did not make has this agent's name (web (abc)); it is left alone: rename or remove it, then start the agent again",
      },
    ],
    ['a network has the name', target(), { ...nothing, network: { foreign: 'n' } }, context(), 'give-up'],
    [
      'deleting beside one',
      deleted,
      { ...allButContainer, container: { foreign: 'x' } },
      context({ routed: true }),
      'remove-network',
    ],
    [
      'deleting beside a network',
      deleted,
      { ...nothing, network: { foreign: 'x' } },
      context({ routed: true, storageRemoved: true }),
      'remove-keys',
    ],
    [
      'stopping beside one',
      stopped,
      { ...allButContainer, container: { foreign: 'x' } },
      context({ routed: true, keysRemoved: true }),
      'done',
    ],
  ]))

describe('what is there and wrong', () =>
  check([
    ['an older generation runs', target(), up({ generation: 1 }), context(), 'stop'],
    [
      'and its image is not here',
      target(),
      { ...up({ generation: 1 }), image: 'absent' },
      context(),
      'ensure-image',
    ],
    [
      'changed, not asked for yet',
      target(),
      up({ generation: 1 }),
      context({ kind: 'reconcile', ...ready }),
      'done',
    ],
    [
      'changed, and keys are synced',
      target(),
      up({ generation: 1 }),
      context({ kind: 'sync-keys' }),
      'deliver-keys',
    ],
    ['an older generation ended', target(), exited({ generation: 1 }), context(), 'remove-container'],
    ['another spec runs', target(), up({ specHash: 'old' }), context(ready), 'done'],
    [
      'another spec is stopped',
      target(),
      up({ specHash: 'old', status: 'created' }),
      context(),
      'remove-container',
    ],
    ['paused', target(), up({ status: 'paused' }), context({ kind: 'reconcile' }), 'stop'],
    ['dead', target(), up({ status: 'dead' }), context(), 'remove-container'],
    [
      'its network went while it was down',
      target(),
      { ...exited(), network: 'absent' },
      context(),
      'remove-container',
    ],
    ['its network has other addresses', target(), { ...up(), network: 'wrong' }, context(), 'stop'],
    ['and nobody is on it', target(), { ...allButContainer, network: 'wrong' }, context(), 'remove-network'],
  ]))

describe('restart and sync', () =>
  check([
    [
      'restart: started before',
      target(),
      up({ startedAt: iso(-5_000) }),
      context({ kind: 'restart' }),
      'stop',
    ],
    [
      'restart: stopped',
      target(),
      exited({ startedAt: iso(-5_000) }),
      context({ kind: 'restart' }),
      'deliver-keys',
    ],
    ['restart: started since', target(), up(), context({ kind: 'restart', ...ready }), 'done'],
    [
      'restart: engine clock behind',
      target(),
      up({ startedAt: iso(-5_000) }),
      context({ kind: 'restart', started: true, ...ready }),
      'done',
    ],
    ['sync: first the files', target(), up(), context({ kind: 'sync-keys' }), 'deliver-keys'],
    ['sync: then the program', target(), up(), context({ kind: 'sync-keys', ...keys }), 'reload-keys'],
    [
      'sync: it reloaded',
      target(),
      up(),
      context({ kind: 'sync-keys', ...keys, ...ready, reload: 'reloaded' }),
      'done',
    ],
    [
      'sync: it cannot',
      target(),
      up(),
      context({ kind: 'sync-keys', ...keys, reload: 'unsupported' }),
      'stop',
    ],
    [
      'sync: restarted',
      target(),
      up(),
      context({ kind: 'sync-keys', ...ready, reload: 'unsupported', started: true }),
      'done',
    ],
    [
      'sync of a stopped agent',
      stopped,
      exited(),
      context({ kind: 'sync-keys', routed: true, keysRemoved: true }),
      'done',
    ],
  ]))
