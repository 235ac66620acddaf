import type { FleetAgent } from '@nora/db/fleet'
import { leastCpuMs } from '@nora/testing/own-time'
import { expect, test } from 'vitest'
import type { Leftover, ListedContainer } from '../backends/backend.ts'
import { findDrift, nextRetryMs } from './drift.ts'
import { healthDrift } from './health.ts'
import { findLeftovers, removable } from './leftovers.ts'
import { findOrphans } from './orphans.ts'

const now = Date.parse('2026-11-22T10:00:00Z')
const ago = (ms: number) => new Date(now - ms)

const agent = (over: Partial<FleetAgent> = {}): FleetAgent => ({
  agentId: 'a1',
  workspaceId: 'w1',
  generation: 2,
  observedGeneration: 2,
  desiredState: 'running',
  state: 'running',
  containerId: 'c1',
  containerIp: '10.214.0.19',
  httpPort: 8080,
  networkSlot: 2,
  gatewayId: 'g1',
  diskEnforced: true,
  diskMb: 64,
  crashCount: 0,
  lastCrashAt: null,
  openOperation: false,
  keysOwed: false,
  failedTries: 0,
  failedAt: null,
  ...over,
})

const container = (over: Partial<ListedContainer> = {}): ListedContainer => ({
  containerId: 'c1',
  name: 'nora-11111111-agent-a1',
  agentId: 'a1',
  workspaceId: 'w1',
  generation: 2,
  specHash: 'spec',
  status: 'running',
  ip: '10.214.0.19',
  renamed: false,
  ...over,
})

const looked = (failedTries: number, ms: number) => ({
  state: 'degraded' as const,
  failedTries,
  failedAt: ago(ms),
})
const failed = (failures: number, ms: number) => ({ crashCount: failures, lastCrashAt: ago(ms) })

type Row = [string, FleetAgent, ListedContainer | undefined, string | undefined]
test.each<Row>([
  ['all is well', agent(), container(), undefined],
  ['gone', agent(), undefined, 'its container is gone'],
  ['ended', agent(), container({ status: 'exited' }), 'its program ended'],
  ['dead', agent(), container({ status: 'dead' }), 'its program ended'],
  ['paused by hand', agent(), container({ status: 'paused' }), 'its container was paused by hand'],
  ['never started', agent(), container({ status: 'created' }), 'its container was never started'],
  [
    'replaced by an older one',
    agent(),
    container({ generation: 1 }),
    'its container is of another generation',
  ],
  ['changed, and not started since', agent({ generation: 3 }), container(), undefined],
  ['renamed', agent(), container({ name: 'x', renamed: true }), 'its container was renamed'],
  ['cut off from its network', agent(), container({ ip: null }), 'its container lost its network'],
  ['moved', agent(), container({ ip: '10.214.0.20' }), 'its container has another address'],
  ['without a port nobody asks for its address', agent({ containerIp: null }), container(), undefined],
  ['owing a key', agent({ keysOwed: true }), container(), 'a key is still to be taken out of it'],
  [
    'degraded and owing a key',
    agent({ state: 'degraded', keysOwed: true, ...failed(1, 1_000) }),
    container(),
    'a key is still to be taken out of it',
  ],
  [
    'owing a key, tried a moment ago',
    agent({ state: 'degraded', keysOwed: true, ...failed(1, 900) }),
    container(),
    undefined,
  ],
  ['an operation is on it', agent({ openOperation: true }), undefined, undefined],
  ['running although a crash was just counted', agent(failed(1, 0)), undefined, 'its container is gone'],
  ['failed a moment ago', agent({ state: 'error', ...failed(3, 3_900) }), undefined, undefined],
  [
    'failed long enough ago',
    agent({ state: 'error', ...failed(3, 4_000) }),
    undefined,
    'trying again after a failure',
  ],
  [
    'degraded and resting',
    agent({ state: 'degraded', ...failed(2, 500) }),
    container({ status: 'exited' }),
    undefined,
  ],
  [
    'degraded and rested',
    agent({ state: 'degraded', ...failed(2, 2_000) }),
    container({ status: 'exited' }),
    'its program ended',
  ],
  ['degraded for a key, and running', agent({ state: 'degraded' }), container(), undefined],
  ['degraded by a failure, a moment ago', agent(looked(1, 900)), container(), undefined],
  ['degraded by a failure', agent(looked(1, 1_000)), container(), 'trying again after a failure (1 of 10)'],
  ['degraded by the fourth failure in a row', agent(looked(4, 7_900)), container(), undefined],
  [
    'degraded by the fourth failure in a row, later',
    agent(looked(4, 8_000)),
    container(),
    'trying again after a failure (4 of 10)',
  ],
  ['degraded for the tenth time', agent(looked(10, 299_000)), container(), undefined],
  [
    'degraded for the tenth time, later',
    agent(looked(10, 300_000)),
    container(),
    'trying again after a failure (10 of 10)',
  ],
  // Whatever else is not as it should be waits as long: nothing is tried without a pause while it fails.
  ['failed, and owing a key', agent({ ...looked(4, 7_900), keysOwed: true }), container(), undefined],
  ['failed, and paused', agent(looked(4, 7_900)), container({ status: 'paused' }), undefined],
  [
    'failed, and owing a key, later',
    agent({ ...looked(4, 8_000), keysOwed: true }),
    container(),
    'a key is still to be taken out of it',
  ],
  ['degraded too often', agent(looked(11, 9_000_000)), container(), undefined],
  [
    'degraded, and an operation is open',
    agent({ ...looked(1, 1_000), openOperation: true }),
    container(),
    undefined,
  ],
  [
    'degraded, and stopped by its owner since',
    agent({ ...looked(1, 1_000), desiredState: 'stopped', state: 'stopped' }),
    container({ status: 'exited' }),
    undefined,
  ],
  ['degraded, and its container went', agent(looked(1, 1_000)), undefined, 'its container is gone'],
  ['left in the middle', agent({ state: 'provisioning' }), container(), 'nothing works on it'],
  ['stopped although it is to run', agent({ state: 'stopped' }), undefined, 'it is to run and was stopped'],
  [
    'stopped and there',
    agent({ desiredState: 'stopped', state: 'stopped' }),
    container({ status: 'exited' }),
    undefined,
  ],
  ['stopped and not there', agent({ desiredState: 'stopped', state: 'stopped' }), undefined, undefined],
  [
    'stopped and started by hand',
    agent({ desiredState: 'stopped', state: 'stopped' }),
    container(),
    'it is to be stopped and runs',
  ],
  [
    'its stop failed',
    agent({ desiredState: 'stopped', state: 'error', ...failed(1, 1_000) }),
    container({ status: 'exited' }),
    'its stop did not finish',
  ],
  [
    'its delete failed',
    agent({ desiredState: 'deleted', state: 'error', ...failed(1, 1_000) }),
    undefined,
    'it is to be deleted and is still there',
  ],
  [
    'its delete failed just now',
    agent({ desiredState: 'deleted', state: 'error', ...failed(1, 900) }),
    undefined,
    undefined,
  ],
])('drift: %s', (_, wanted, found, reason) => {
  const drift = findDrift([wanted], found ? [found] : [], now)
  expect(drift).toEqual(reason === undefined ? [] : [{ agentId: 'a1', reason }])
})

test('the pass that a back-off waits for comes when it ends', () => {
  const resting = agent({ state: 'error', ...failed(3, 1_000) })
  expect(nextRetryMs([agent(), resting, agent({ state: 'error', ...failed(9, 1_000) })], now)).toBe(3_000)
  expect(nextRetryMs([agent(looked(2, 500)), resting], now)).toBe(1_500)
  expect(
    nextRetryMs([agent(failed(3, 1_000)), agent({ ...resting, openOperation: true })], now),
  ).toBeUndefined()
})

test('an orphan is a container whose agent is in no row; one of a deleted agent is one, too', () => {
  const orphan = container({ containerId: 'c2', agentId: 'a2' })
  expect(findOrphans([agent()], [container(), orphan])).toEqual([orphan])
})

test('a copy beside the agent’s own container is an orphan, and not what the agent is judged by', () => {
  const copy = container({ containerId: 'c2', name: 'copy', renamed: true, generation: 1 })
  for (const listed of [
    [container(), copy],
    [copy, container()],
  ]) {
    expect(findOrphans([agent()], listed)).toEqual([copy])
    expect(findDrift([agent()], listed, now)).toEqual([])
  }
  // Alone it is the agent's own, renamed.
  expect(findOrphans([agent()], [copy])).toEqual([])
})

test('a leftover names no agent of the fleet; storage goes only when a row says that its data was not to be kept', () => {
  const left = (kind: Leftover['kind'], agentId: string): Leftover => ({
    kind,
    id: `${kind}-${agentId}`,
    agentId,
  })
  const kinds = ['network', 'hand-over', 'keys', 'storage'] as const
  const there = kinds.flatMap((kind) => ['a1', 'deleted', 'kept', 'unknown'].map((id) => left(kind, id)))
  const found = findLeftovers([agent()], there)
  expect(found).toEqual(there.filter(({ agentId }) => agentId !== 'a1'))
  const gone = removable(found, new Set(['deleted']))
  expect(gone.filter(({ kind }) => kind === 'storage')).toEqual([left('storage', 'deleted')])
  expect(gone.filter(({ kind }) => kind !== 'storage')).toHaveLength(9)
})

test.each([
  ['healthy', false, 0, undefined],
  ['two bad answers', false, 2, undefined],
  ['three bad answers', false, 3, 'it does not answer its health check'],
  ['known to be unhealthy', true, 7, undefined],
  ['answering again', true, 0, 'it answers its health check again'],
])('health: %s', (_, unhealthy, failures, reason) => {
  expect(healthDrift(unhealthy, failures)).toBe(reason)
})

test('a thousand agents are compared in a few milliseconds', () => {
  const agents = Array.from({ length: 1_000 }, (_, n) => agent({ agentId: `a${n}` }))
  const listed = agents.map(({ agentId }) => container({ agentId }))
  expect(findDrift(agents, listed, now)).toEqual([])
  expect(leastCpuMs(() => findDrift(agents, listed, now))).toBeLessThan(50)
})
