import { expect, test } from 'vitest'
import { hostsLogOptions } from '../testing/bodies.ts'
import { agentCreation, type Body, gatewayCreation, sample } from '../testing/specs.ts'
import { namesOf } from './ours.ts'
import { postureProblem } from './posture.ts'
import { ordinaryEngine } from './posture-fields.ts'

const facts = sample()
const { ours, target, keysDir } = facts
const agentId = target.agentId
const agent = agentCreation(target, keysDir).body
const gateway = gatewayCreation(facts).body

/** As an engine shows what it was sent, with these fields of HostConfig as that engine has them. */
const shown = (body: Body, over: object = {}) => ({
  Config: { User: body.User },
  HostConfig: { ...body.HostConfig, Runtime: 'runc', ...over },
  NetworkSettings: { Networks: { [body.HostConfig.NetworkMode]: {} } },
})
const problemOf = (over: object, engine: object = ordinaryEngine) =>
  postureProblem(ours, { role: 'agent', agentId, found: shown(agent, over) }, { ...engine })

const masked = [
  ...['/proc/asound', '/proc/acpi', '/proc/kcore', '/proc/keys', '/proc/latency_stats', '/proc/timer_list'],
  ...['/proc/timer_stats', '/proc/sched_debug', '/proc/scsi', '/sys/firmware'],
]
const readonly = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']
const without = (path: string) => masked.filter((one) => one !== path)

const logs = (config: object, Type = 'json-file') => ({
  ...{ Type, Config: { 'max-size': '32m', 'max-file': '2', ...config } },
})

test.each<[string, object]>([
  ['shows nothing but what was sent', {}],
  [
    'writes null for what is nothing',
    { CapAdd: null, Devices: null, PortBindings: null, OomKillDisable: null },
  ],
  ['leaves the paths to the next start', { MaskedPaths: null, ReadonlyPaths: null }],
  [
    'hides more than it had to',
    { MaskedPaths: [...masked, '/proc/interrupts', '/sys/devices/virtual/powercap'] },
  ],
  ['writes zero for what is not limited', { CpuShares: 0, KernelMemory: 0, BlkioWeightDevice: [] }],
  ['names what it does by itself', { Isolation: 'default', MemorySwappiness: -1, ConsoleSize: [24, 80] }],
  ['writes the whole rule of a restart', { RestartPolicy: { Name: 'no', MaximumRetryCount: 0 } }],
  [
    'has limits of its own for every container',
    { Ulimits: [{ Name: 'nproc', Soft: 9, Hard: 9 }, ...agent.HostConfig.Ulimits] },
  ],
  ['made it when logs were smaller', { LogConfig: { Type: 'json-file', Config: { 'max-size': '10m' } } }],
  ['has log options of its own for every container', { LogConfig: logs(hostsLogOptions) }],
  ['hides one path less, which kernels have no more', { MaskedPaths: without('/proc/timer_stats') }],
  ['fills a field that nobody knows yet', { AnythingNewer: 'on' }],
])('an agent’s container as made is taken from an engine that %s', (_, over) => {
  expect(problemOf(over)).toBeUndefined()
})

test('a limit that this machine cannot set is missing, and one that it can is not', () => {
  const unlimited = { Memory: 0, MemorySwap: -1 }
  expect(problemOf({ MemorySwap: -1 })).toBe('MemorySwap -1')
  expect(problemOf({ MemorySwap: -1 }, { ...ordinaryEngine, SwapLimit: false })).toBeUndefined()
  expect(problemOf(unlimited, { ...ordinaryEngine, SwapLimit: false })).toBe('Memory 0')
  expect(problemOf(unlimited, { ...ordinaryEngine, MemoryLimit: false })).toBeUndefined()
  expect(problemOf({ PidsLimit: 0 })).toBe('PidsLimit 0')
  expect(problemOf({ PidsLimit: 0 }, { ...ordinaryEngine, PidsLimit: false })).toBeUndefined()
})

test('the runtime is the engine’s default, or was before somebody chose another', () => {
  const engine = { ...ordinaryEngine, DefaultRuntime: 'runsc' }
  expect(problemOf({ Runtime: 'runsc' }, engine)).toBeUndefined()
  expect(problemOf({ Runtime: 'runc' }, engine)).toBeUndefined()
  expect(problemOf({ Runtime: 'runsc' })).toBe('Runtime runsc')
})

test('a path that is missing from those of the kernel is told, and so is what is no list', () => {
  expect(problemOf({ MaskedPaths: [] })).toBe('MaskedPaths []')
  for (const path of ['/proc/kcore', '/proc/keys', '/proc/acpi', '/proc/scsi', '/sys/firmware'])
    expect(problemOf({ MaskedPaths: without(path) }), path).toMatch(/^MaskedPaths /)
  expect(problemOf({ ReadonlyPaths: [] })).toBe('ReadonlyPaths []')
  for (const path of readonly)
    expect(problemOf({ ReadonlyPaths: readonly.filter((one) => one !== path) }), path).toMatch(
      /^ReadonlyPaths /,
    )
  expect(problemOf({ ReadonlyPaths: '/proc/sys' })).toBe('ReadonlyPaths /proc/sys')
})

test('logs are files of a limited size, with no option but those that an engine can be set to give', () => {
  for (const wrong of [
    ...[logs({ 'max-size': undefined }), logs({ 'max-size': '-1' }), logs({ 'max-size': '99g' })],
    ...[logs({}, 'local'), logs({}, 'syslog'), logs({ 'syslog-address': 'udp://10.0.0.1' }), null, {}],
  ])
    expect(problemOf({ LogConfig: wrong }), JSON.stringify(wrong)).toMatch(/^LogConfig /)
})

test('gateways are on the control network and on networks of agents, and on no other', () => {
  const on = (...names: string[]) => {
    const found: Body = shown(gateway)
    for (const name of names) found.NetworkSettings.Networks[name] = {}
    return postureProblem(ours, { role: 'gateway', agentId: undefined, found })
  }
  const own = namesOf(ours, crypto.randomUUID()).network
  expect(on()).toBeUndefined()
  expect(on(own)).toBeUndefined()
  for (const name of ['bridge', `${own}-x`, `x-${own}`, namesOf(ours, '').network])
    expect(on(own, name), name).toBe(`a place on the network ${name}`)
  const published = shown(gateway, { PortBindings: { '7081/tcp': [{ HostIp: '0.0.0.0', HostPort: '0' }] } })
  expect(postureProblem(ours, { role: 'gateway', agentId: undefined, found: published })).toMatch(
    /^PortBindings /,
  )
})

test('an agent’s container is on its own network, runs as its user and says which agent it is', () => {
  const problem = (found: object, id: string | undefined = agentId) =>
    postureProblem(ours, { role: 'agent', agentId: id, found: { ...shown(agent), ...found } })
  const other = namesOf(ours, crypto.randomUUID()).network
  expect(problem({ NetworkSettings: { Networks: { [other]: {} } } })).toBe(`a place on the network ${other}`)
  for (const User of ['', '0', '10001', 'root', undefined])
    expect(problem({ Config: { User } }), String(User)).toMatch(/^User/)
  expect(problem({}, 'x')).toBe('no id of an agent')
})
