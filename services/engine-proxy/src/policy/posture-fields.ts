import { kernelHasIpv6 } from '@nora/config/kernel'
import { agentHostConfig, allCapabilities, securityOptions, ulimits } from './agent-body.ts'
import { gatewayHostConfig } from './gateway-body.ts'
import { controlNetwork, type Ours, type Role } from './ours.ts'
import { exactly, isObject, type Rule, text } from './rules.ts'

/** What the engine says of itself (`GET /info`), as far as it decides what becomes of a container that is made here. */
export type EngineFacts = { [name: string]: unknown }

/** An engine that changes nothing of what it is sent. */
export const ordinaryEngine: EngineFacts = {
  ...{ DefaultRuntime: 'runc', MemoryLimit: true, SwapLimit: true, PidsLimit: true },
}

/** The engine leaves out what is false, nothing or empty, or writes null. */
export const isNone = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === '' ||
  value === 0 ||
  value === false ||
  (typeof value === 'object' && Object.keys(value).length === 0)

/**
 * The fields of HostConfig, of every engine up to 29, that nothing made here has, unless `rulesFor` knows better. A field that is
 * nowhere in this file is not looked at: a newer engine may fill it by itself.
 */
const absent = [
  ...[
    'Annotations',
    'AutoRemove',
    'Binds',
    'BlkioDeviceReadBps',
    'BlkioDeviceReadIOps',
    'BlkioDeviceWriteBps',
  ],
  ...[
    'BlkioDeviceWriteIOps',
    'BlkioWeight',
    'BlkioWeightDevice',
    'CapAdd',
    'Capabilities',
    'Cgroup',
    'CgroupParent',
  ],
  ...[
    'CpuCount',
    'CpuPercent',
    'CpuPeriod',
    'CpuQuota',
    'CpuRealtimePeriod',
    'CpuRealtimeRuntime',
    'CpuShares',
  ],
  ...[
    'CpusetCpus',
    'CpusetMems',
    'DeviceCgroupRules',
    'DeviceRequests',
    'Devices',
    'Dns',
    'DnsOptions',
    'DnsSearch',
  ],
  ...['ExtraHosts', 'GroupAdd', 'IOMaximumBandwidth', 'IOMaximumIOps', 'Init', 'Isolation', 'KernelMemory'],
  ...[
    'KernelMemoryTCP',
    'Links',
    'Memory',
    'MemoryReservation',
    'MemorySwap',
    'MemorySwappiness',
    'NanoCpus',
  ],
  ...[
    'OomKillDisable',
    'OomScoreAdj',
    'PidMode',
    'PidsLimit',
    'PortBindings',
    'Privileged',
    'PublishAllPorts',
  ],
  ...[
    'ReadonlyRootfs',
    'StorageOpt',
    'Sysctls',
    'Tmpfs',
    'UTSMode',
    'UsernsMode',
    'VolumeDriver',
    'VolumesFrom',
  ],
] as const

/** Of no effect on what the container may do: notes of the client that made it. `Mounts` are judged with what they lead to. */
export const notJudged = ['ConsoleSize', 'ContainerIDFile', 'Mounts'] as const

/** A rule for each field of HostConfig that is looked at, for what `docker inspect` shows of a container of this role. */
export function rulesFor(
  ours: Ours,
  role: Role,
  agentId: string | undefined,
  host: Record<string, unknown>,
  engine: EngineFacts,
): Record<string, Rule> {
  const made = Object.entries(madeWith(ours, role, agentId))
  return {
    ...Object.fromEntries(absent.map((name) => [name, none])),
    ...Object.fromEntries(made.map(([name, rule]) => [name, orNone(rule)])),
    ...asShown(role, host, engine),
  }
}

/** What such a container is made with. */
function madeWith(ours: Ours, role: Role, agentId: string | undefined): Record<string, Rule> {
  if (role === 'gateway') return gatewayHostConfig(controlNetwork(ours).name, kernelHasIpv6())
  if (role === 'agent' && agentId !== undefined) return agentHostConfig(ours, agentId, kernelHasIpv6())
  return { NetworkMode: exactly('none'), CapDrop: allCapabilities, SecurityOpt: securityOptions }
}

/** Where the engine shows something else than what it was sent, or fills in what it was not. */
function asShown(role: Role, host: Record<string, unknown>, engine: EngineFacts): Record<string, Rule> {
  const runs = role !== 'hand-over'
  const discards = (ability: string) => engine[ability] === false
  return {
    Mounts: anything,
    // What runs as the host's default runtime today was made with runc before somebody changed it. What was made with a default
    // other than either is not told from what was given it by hand.
    Runtime: (value, path) =>
      isNone(value) || value === 'runc' || value === engine['DefaultRuntime']
        ? undefined
        : `${path} must be the engine's own`,
    MaskedPaths: allOf(maskedPaths),
    ReadonlyPaths: allOf(readonlyPaths),
    RestartPolicy: (value, path) =>
      isNone(value) || (isObject(value) && ['', 'no'].includes(String(value['Name'] ?? '')))
        ? undefined
        : `${path} must be no`,
    Isolation: (value, path) => (value === 'default' ? undefined : none(value, path)),
    MemorySwappiness: (value, path) => (value === -1 ? undefined : none(value, path)),
    ...(!runs && { IpcMode: ownIpc }),
    // The engine's own where none is asked for.
    ...(role !== 'agent' && { ShmSize: anything }),
    ...(runs && {
      LogConfig: logConfig,
      Ulimits: ownUlimits,
      PortBindings: role === 'gateway' ? loopbackPorts : none,
      // An engine whose kernel cannot limit something says so when the container is made, and makes it all the same.
      ...(discards('MemoryLimit') && { Memory: anything, MemorySwap: anything }),
      ...(discards('PidsLimit') && { PidsLimit: anything }),
      ...(!discards('MemoryLimit') && { MemorySwap: swapOf(host['Memory'], discards('SwapLimit')) }),
    }),
  }
}

const anything: Rule = () => undefined
const none: Rule = (value, path) => (isNone(value) ? undefined : `${path} must be absent`)

/** Nothing stands for every spelling of nothing that the rule takes. */
const orNone =
  (rule: Rule): Rule =>
  (value, path) =>
    isNone(value) && [[], {}, false].some((empty) => rule(empty, path) === undefined)
      ? undefined
      : rule(value, path)

/** Of a container that never runs: whatever the engine gives by itself. */
const ownIpc: Rule = (value, path) =>
  /^(host|container:)/.test(String(value ?? '')) ? `${path} must be its own` : undefined

const swapOf =
  (memory: unknown, discarded: boolean): Rule =>
  (value, path) =>
    value === memory || (discarded && value === -1) ? undefined : `${path} must be Memory`

/**
 * The options of json-file that `log-opts` of daemon.json gives every container which does not name them (moby, daemon/create.go,
 * mergeAndVerifyLogConfig): the host's own, and of no effect but on how its lines are kept.
 */
const hostsLogOptions = [
  ...['compress', 'tag', 'labels', 'labels-regex', 'env', 'env-regex', 'mode', 'max-buffer-size'],
  ...['cache-disabled', 'cache-max-size', 'cache-max-file', 'cache-compress'],
]
const logOptions = ['max-size', 'max-file', ...hostsLogOptions]

/** Sizes are not compared: a container goes on as it was made when a later version makes them with others. */
const logConfig: Rule = (value, path) => {
  const config = isObject(value) && isObject(value['Config']) ? value['Config'] : {}
  const isOwn =
    isObject(value) &&
    value['Type'] === 'json-file' &&
    Object.keys(config).every((name) => logOptions.includes(name)) &&
    text(/^\d{1,4}[km]$/, '')(config['max-size'], '') === undefined
  return isOwn ? undefined : `${path} must be json-file of a limited size`
}

/** Shown together with those that the engine gives every container. */
const ownUlimits: Rule = (value, path) => {
  const own = ['nofile', 'core']
  const shown = (Array.isArray(value) ? value : []).filter(isObject)
  const named = own.map((name) => shown.find((one) => one['Name'] === name))
  return ulimits(named, path)
}

const loopbackPorts: Rule = (value, path) => {
  const ports = isObject(value) ? Object.entries(value) : []
  const isOwn = ([port, at]: [string, unknown]) =>
    (port === '7081/tcp' || port === '7082/tcp') &&
    Array.isArray(at) &&
    at.every((one) => isObject(one) && one['HostIp'] === '127.0.0.1')
  return ports.every(isOwn) ? undefined : `${path} must be on loopback alone`
}

/** Null is the engine's own choice at the next start, an empty list is `--security-opt systempaths=unconfined`. */
const allOf =
  (paths: readonly string[]): Rule =>
  (value, path) =>
    value === undefined ||
    value === null ||
    (Array.isArray(value) && paths.every((one) => value.includes(one)))
      ? undefined
      : `${path} must have ${paths.join(', ')}`

// Of those that engine 20.10 hides, the ones that matter and stay: engines leave out others, as timer_stats, once kernels have
// them no more, and add to them.
const maskedPaths = ['/proc/acpi', '/proc/kcore', '/proc/keys', '/proc/scsi', '/sys/firmware']
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']
