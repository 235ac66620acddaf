import { expect, test } from 'vitest'
import type { Observed, ObservedContainer, Target } from '../backends/backend.ts'
import { nextStep, type PlanContext, type Step } from '../reconcile/plan.ts'

// Situations as data: what should be, what is there, what is known, and the step that must follow.

export const began = Date.parse('2026-11-22T10:00:00Z')
export const iso = (offsetMs: number) => new Date(began + offsetMs).toISOString()

export const target = (over: Partial<Target> = {}): Target => ({
  installation: '11111111-1111-4111-8111-111111111111',
  workspaceId: '22222222-2222-4222-8222-222222222222',
  agentId: '33333333-3333-4333-8333-333333333333',
  generation: 2,
  desired: 'running',
  keepData: false,
  image: { reference: 'tiny:1', pull: false },
  command: [],
  env: {},
  user: '10001',
  hostname: 'agent',
  resources: { cpus: 1, memoryMb: 64, diskMb: 64, pids: 32 },
  sandboxProfile: 'standard',
  statePath: '/data',
  httpPort: 8080,
  probe: {
    port: 8080,
    path: '/healthz',
    expect: {},
    intervalMs: 500,
    timeoutMs: 1_000,
    startDeadlineMs: 60_000,
  },
  network: { subnet: '10.214.0.16/29', bridge: '10.214.0.17', gateway: '10.214.0.18', agent: '10.214.0.19' },
  specHash: 'spec',
  ...over,
})

export const container = (over: Partial<ObservedContainer> = {}): ObservedContainer => ({
  id: 'c1',
  status: 'running',
  generation: 2,
  specHash: 'spec',
  imageDigest: 'sha256:1',
  ip: '10.214.0.19',
  startedAt: iso(1_000),
  finishedAt: null,
  exitCode: null,
  oomKilled: false,
  gatewayAttached: true,
  renamed: false,
  ...over,
})

export const nothing: Observed = {
  image: 'absent',
  network: 'absent',
  storage: 'absent',
  container: 'absent',
}
export const allButContainer: Observed = {
  ...nothing,
  image: 'present',
  network: 'present',
  storage: 'present',
}
export const up = (over: Partial<ObservedContainer> = {}): Observed => ({
  ...allButContainer,
  container: container(over),
})
export const exited = (over: Partial<ObservedContainer> = {}) =>
  up({ status: 'exited', exitCode: 3, finishedAt: iso(5_000), ...over })

export const context = (over: Partial<PlanContext> = {}): PlanContext => ({
  kind: 'provision',
  now: began + 10_000,
  beganAt: began,
  cancelled: false,
  keysDelivered: false,
  keysRemoved: false,
  storageRemoved: false,
  reload: 'not-yet',
  made: false,
  started: false,
  stopped: false,
  keysOwed: false,
  wasHealthy: false,
  routed: false,
  healthy: false,
  diskEnforced: true,
  crashes: { count: 0, lastAt: null },
  ...over,
})

type Row = [string, Target, Observed, PlanContext, Step['do'] | Step]
export const check = (rows: Row[]) =>
  test.each(rows)('%s', (_, wanted, seen, known, step) => {
    const actual = nextStep(wanted, seen, known)
    if (typeof step === 'string') expect(actual.do).toBe(step)
    else expect(actual).toEqual(step)
  })
