import type { AgentRow } from '@nora/db/worker-agents'
import { expect, test } from 'vitest'
import { agentNetwork, slotsIn } from './addresses.ts'
import { canonicalJson, localImageOf, targetOf } from './target.ts'

const row = (over: Partial<AgentRow> = {}): AgentRow => ({
  id: '33333333-3333-4333-8333-333333333333',
  workspace_id: '22222222-2222-4222-8222-222222222222',
  owner_id: '44444444-4444-4444-8444-444444444444',
  name: 'agent',
  runtime: 'image',
  image: 'ghcr.io/you/agent:1',
  target: 'docker',
  sandbox_profile: 'standard',
  cpus: 0.5,
  memory_mb: 128,
  disk_mb: 64,
  pids: 64,
  env: { B: '2', A: '1' },
  config: {},
  command: ['/bin/run'],
  port: null,
  desired_state: 'running',
  state: 'queued',
  state_reason: '',
  state_changed_at: new Date(0),
  generation: 1,
  observed_generation: 0,
  keep_data: false,
  network_slot: 2,
  gateway_id: null,
  container_id: null,
  container_ip: null,
  http_port: null,
  image_digest: null,
  disk_enforced: null,
  keys_version: 0,
  crash_count: 0,
  last_crash_at: null,
  event_seq: 0,
  created_at: new Date(0),
  updated_at: new Date(0),
  deleted_at: null,
  unhealthy: false,
  keys_owed: false,
  failed_tries: 0,
  failed_at: null,
  probe: null,
  ...over,
})
const around = { installation: 'i', pool: '10.214.0.0/16', slot: 2, localImage: undefined }
const hash = (over: Partial<AgentRow>) => targetOf(row(over), around).specHash

test('the hash changes with what a running container cannot change, and with nothing else', () => {
  const same = hash({})
  expect(same).toMatch(/^[0-9a-f]{64}$/)
  expect(hash({ env: { A: '1', B: '2' } })).toBe(same)
  expect(hash({ name: 'other', generation: 9, desired_state: 'stopped', state: 'error' })).toBe(same)
  const different = [
    hash({ image: 'ghcr.io/you/agent:2' }),
    hash({ env: { A: '1' } }),
    hash({ command: ['/bin/other'] }),
    hash({ memory_mb: 256 }),
    hash({ config: { statePath: '/data' } }),
    targetOf(row(), { ...around, slot: 3 }).specHash,
  ]
  expect(new Set([same, ...different]).size).toBe(different.length + 1)
})

test('an image of a registry may be pulled, one of ours is assembled', () => {
  expect(targetOf(row(), around).image).toEqual({ reference: 'ghcr.io/you/agent:1', pull: true })
  expect(localImageOf(row())).toBeUndefined()
  const starter = row({ runtime: 'starter', image: null, command: null })
  expect(localImageOf(starter)).toBe('starter-agent')
  const target = targetOf(starter, { ...around, localImage: 'nora/starter-agent:abc' })
  expect(target.image).toEqual({ reference: 'nora/starter-agent:abc', pull: false })
  expect(target).toMatchObject({ httpPort: 8080, probe: { path: '/healthz' }, statePath: '/data' })
})

test('an unknown runtime is said to be one', () => {
  expect(() => targetOf(row({ runtime: 'cobol' }), around)).toThrow(
    expect.objectContaining({ code: 'runtime-unknown' }),
  )
})

test('each slot has its own /29 from the third on', () => {
  expect(slotsIn('10.214.0.0/16')).toBe(8192)
  expect(agentNetwork('10.214.0.0/16', 2)).toEqual({
    subnet: '10.214.0.16/29',
    bridge: '10.214.0.17',
    gateway: '10.214.0.18',
    agent: '10.214.0.19',
  })
  expect(agentNetwork('10.214.0.0/16', 8191).subnet).toBe('10.214.255.248/29')
  expect(agentNetwork('192.168.4.0/22', 32).subnet).toBe('192.168.5.0/29')
  for (const slot of [0, 1, 8192, 1.5]) expect(() => agentNetwork('10.214.0.0/16', slot)).toThrow(RangeError)
})

test('equal values have one text', () => {
  expect(canonicalJson({ b: [1, { d: null, c: 'x' }], a: undefined })).toBe('{"b":[1,{"c":"x","d":null}]}')
})
