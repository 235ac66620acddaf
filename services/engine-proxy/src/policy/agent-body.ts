import { silencing } from './labels.ts'
import { isPlaceOf, keyFolder, label, namesOf, type Ours } from './ours.ts'
import { exactly, fields, isObject, listOf, optional, type Rule, recordOf, text, whole } from './rules.ts'

const MiB = 1024 * 1024

/** What the engine takes for the name of an image or its id. */
export const imageReference = text(
  /^[A-Za-z0-9][A-Za-z0-9._/:@+-]{0,499}$/,
  'the reference or id of an image',
)
const imageId = text(/^sha256:[0-9a-f]{64}$/, 'the id of an image')
const word = (most: number) => text(new RegExp(`^[^\\0]{0,${most}}$`, 's'), 'a text without a zero byte')
const argv = listOf(word(131_072), 1_000)
const variables = listOf(text(/^[A-Za-z_][A-Za-z0-9_.-]{0,254}=[^\0]*$/s, 'NAME=value'), 1_000)

/** A plain path that is none of the system's own; see `requireMountable` of the worker's container-spec.ts. */
const plainPath = /^(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._@+-]+)+$/
const kernelFolders = /^\/(proc|sys|dev)(\/|$)/
const systemFolders = /^\/(proc|sys|dev|run|tmp)(\/|$)/
const memoryFolder = 'rw,noexec,nosuid,nodev,size=(\\d{2,3})m,mode=1777'

export const ulimits = exactly([
  { Name: 'nofile', Soft: 16_384, Hard: 16_384 },
  { Name: 'core', Soft: 0, Hard: 0 },
])
/** No profile of ours is among them yet: the engine's own filter stands, and nobody names another, `unconfined` least. */
export const securityOptions = exactly(['no-new-privileges:true'])
export const allCapabilities = exactly(['ALL'])

export const memory = whole(6 * MiB, 2 ** 50)
/** Swap would be a second memory: the limit of both together is that of memory. */
export const swapEqualsMemory =
  (rule: Rule): Rule =>
  (value, path) =>
    isObject(value) && value['MemorySwap'] !== value['Memory']
      ? `${path}.MemorySwap must be ${path}.Memory`
      : rule(value, path)

/** What takes every IPv6 address from a container (noIpv6 of the worker): where this kernel has IPv6 nobody leaves it out, where it has none nobody may ask. */
export const noIpv6 = (hasIpv6: boolean): Record<string, string> =>
  hasIpv6 ? { 'net.ipv6.conf.all.disable_ipv6': '1', 'net.ipv6.conf.default.disable_ipv6': '1' } : {}

const ownerLabels = (ours: Ours, agentId: string, role: string) => ({
  [label.installation]: exactly(ours.installation),
  [label.workspace]: text(/^[0-9a-f-]{0,36}$/, "a workspace's id"),
  [label.agent]: exactly(agentId),
  [label.role]: exactly(role),
})

/** The container of an agent: containerSpec of the worker and nothing besides. */
export function agentBody(ours: Ours, agentId: string, hasIpv6: boolean): Rule {
  const { network } = namesOf(ours, agentId)
  const address: Rule = (value, path) =>
    isPlaceOf('agent', ours, value) ? undefined : `${path} must be the place of an agent in the pool`
  return fields({
    Image: imageId,
    User: exactly('10001:10001'),
    Hostname: text(/^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$/, 'a host name'),
    Env: variables,
    Entrypoint: optional(argv),
    Cmd: optional(exactly([])),
    Tty: exactly(false),
    OpenStdin: exactly(false),
    AttachStdin: exactly(false),
    AttachStdout: exactly(false),
    AttachStderr: exactly(false),
    StopTimeout: whole(0, 60),
    Healthcheck: exactly({ Test: ['NONE'] }),
    Labels: silencing({
      ...ownerLabels(ours, agentId, 'agent'),
      [label.generation]: text(/^\d{1,12}$/, 'a number'),
      [label.spec]: text(/^[0-9a-z-]{1,64}$/, 'a hash'),
    }),
    HostConfig: swapEqualsMemory(fields(agentHostConfig(ours, agentId, hasIpv6))),
    NetworkingConfig: fields({
      EndpointsConfig: fields({ [network]: fields({ IPAMConfig: fields({ IPv4Address: address }) }) }),
    }),
  })
}

/** A rule for each field that the HostConfig of an agent's container has. */
export const agentHostConfig = (ours: Ours, agentId: string, hasIpv6: boolean): Record<string, Rule> => ({
  Init: exactly(true),
  ReadonlyRootfs: exactly(true),
  Privileged: exactly(false),
  CapDrop: allCapabilities,
  CapAdd: exactly([]),
  SecurityOpt: securityOptions,
  Sysctls: exactly(noIpv6(hasIpv6)),
  Memory: memory,
  MemorySwap: memory,
  NanoCpus: whole(1_000_000, 2 ** 50),
  PidsLimit: whole(1, 1_000_000),
  OomKillDisable: exactly(false),
  Ulimits: ulimits,
  IpcMode: exactly('private'),
  CgroupnsMode: exactly('private'),
  ShmSize: exactly(64 * MiB),
  Tmpfs: memoryFolders,
  Mounts: agentMounts(ours, agentId),
  NetworkMode: exactly(namesOf(ours, agentId).network),
  PublishAllPorts: exactly(false),
  PortBindings: exactly({}),
  Devices: exactly([]),
  RestartPolicy: exactly({ Name: 'no' }),
  AutoRemove: exactly(false),
  LogConfig: exactly({ Type: 'json-file', Config: { 'max-size': '32m', 'max-file': '2' } }),
})

const memoryFolders: Rule = (value, path) => {
  const options = text(new RegExp(`^${memoryFolder}$`), 'the options of a small folder in memory')
  const problem = recordOf(/^\//, options, 100)(value, path)
  if (problem !== undefined) return problem
  const folders = Object.keys(value as object)
  if (!folders.includes('/tmp')) return `${path} must have /tmp`
  const wrong = folders.find((folder) => !plainPath.test(folder) || kernelFolders.test(folder))
  return wrong === undefined ? undefined : `${path} names a folder of the system or no plain path`
}

/** The keys' folder, read-only, and at most the agent's own volume. */
const agentMounts =
  (ours: Ours, agentId: string): Rule =>
  (value, path) => {
    if (!Array.isArray(value) || value.length < 1 || value.length > 2)
      return `${path} must be the keys' folder and at most one volume`
    const keys = exactly({
      Type: 'bind',
      Source: keyFolder(ours, agentId),
      Target: '/run/nora',
      ReadOnly: true,
      BindOptions: { Propagation: 'rprivate' },
    })
    const state = fields({
      Type: exactly('volume'),
      Source: exactly(namesOf(ours, agentId).volume),
      Target: (target, where) =>
        typeof target === 'string' && plainPath.test(target) && !systemFolders.test(target)
          ? undefined
          : `${where} must be a plain path outside the system's folders`,
      ReadOnly: exactly(false),
      VolumeOptions: fields({
        NoCopy: exactly(true),
        Labels: fields(ownerLabels(ours, agentId, 'volume')),
        DriverConfig: exactly({ Name: 'local', Options: {} }),
      }),
    })
    return keys(value[0], `${path}[0]`) ?? optional(state)(value[1], `${path}[1]`)
  }

/** The helper that is never started: one mount of the agent's to unpack files into. */
export function handOverBody(ours: Ours, agentId: string): Rule {
  const mounts = [
    { Type: 'bind', Source: keyFolder(ours, agentId), Target: '/keys', ReadOnly: false },
    { Type: 'volume', Source: namesOf(ours, agentId).volume, Target: '/state', ReadOnly: false },
  ]
  const one: Rule = (value, path) =>
    mounts.some((mount) => exactly([mount])(value, path) === undefined)
      ? undefined
      : `${path} must be the agent's keys at /keys or its volume at /state`
  return fields({
    Image: imageId,
    Entrypoint: exactly(['/nothing-runs-here']),
    Cmd: exactly([]),
    User: exactly('65534:65534'),
    Labels: silencing(ownerLabels(ours, agentId, 'hand-over')),
    HostConfig: fields({
      NetworkMode: exactly('none'),
      CapDrop: allCapabilities,
      SecurityOpt: securityOptions,
      Mounts: one,
    }),
  })
}

/** The volume of an agent; without any option, which could make it a folder or a device of the host. */
export function volumeBody(ours: Ours, agentId: string): Rule {
  return fields({
    Name: exactly(namesOf(ours, agentId).volume),
    Driver: exactly('local'),
    DriverOpts: (value, path) =>
      value === undefined || exactly({})(value, path) === undefined
        ? undefined
        : `${path} must be absent: a volume with options could be any folder or device of the host`,
    Labels: fields(ownerLabels(ours, agentId, 'volume')),
  })
}
