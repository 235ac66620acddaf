import { describe, expect, test } from 'vitest'
import type { Target } from '../backend.ts'
import { containerSpec, numericUser } from './container-spec.ts'
import type { LocalImage } from './images.ts'

const target: Target = {
  installation: 'f1f2f3f4-0000-4000-8000-000000000000',
  workspaceId: '11111111-0000-4000-8000-000000000000',
  agentId: '22222222-0000-4000-8000-000000000000',
  generation: 7,
  desired: 'running',
  keepData: false,
  image: { reference: 'nora/starter:1', pull: false },
  command: ['/bin/agent', '--serve'],
  env: { HOME: '/state', EMPTY: '' },
  user: '10001:10001',
  hostname: 'agent-2222',
  resources: { cpus: 0.5, memoryMb: 512, diskMb: 1024, pids: 128 },
  sandboxProfile: 'standard',
  statePath: '/state',
  network: { subnet: '10.9.0.16/29', bridge: '10.9.0.17', gateway: '10.9.0.18', agent: '10.9.0.19' },
  specHash: 'hash',
}
const image: LocalImage = { id: `sha256:${'a'.repeat(64)}`, volumes: [], labels: {} }
const spec = (overrides: Partial<Target> = {}, of: Partial<LocalImage> = {}) =>
  containerSpec({ ...target, ...overrides }, { ...image, ...of }, '/keys/of/it', true)

test('the whole of it', () => {
  expect(spec()).toEqual({
    name: 'nora-f1f2f3f4-agent-22222222-0000-4000-8000-000000000000',
    Image: image.id,
    User: '10001:10001',
    Hostname: 'agent-2222',
    Env: ['HOME=/state', 'EMPTY='],
    Entrypoint: ['/bin/agent', '--serve'],
    Cmd: [],
    Tty: false,
    OpenStdin: false,
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    StopTimeout: 10,
    Healthcheck: { Test: ['NONE'] },
    Labels: {
      'com.nora.installation': target.installation,
      'com.nora.workspace': target.workspaceId,
      'com.nora.agent': target.agentId,
      'com.nora.role': 'agent',
      'com.nora.generation': '7',
      'com.nora.spec': 'hash',
    },
    HostConfig: {
      Init: true,
      ReadonlyRootfs: true,
      Privileged: false,
      CapDrop: ['ALL'],
      CapAdd: [],
      SecurityOpt: ['no-new-privileges:true'],
      Memory: 536_870_912,
      MemorySwap: 536_870_912,
      NanoCpus: 500_000_000,
      PidsLimit: 128,
      OomKillDisable: false,
      Ulimits: [
        { Name: 'nofile', Soft: 16_384, Hard: 16_384 },
        { Name: 'core', Soft: 0, Hard: 0 },
      ],
      IpcMode: 'private',
      CgroupnsMode: 'private',
      ShmSize: 67_108_864,
      Tmpfs: { '/tmp': 'rw,noexec,nosuid,nodev,size=128m,mode=1777' },
      Mounts: [
        {
          Type: 'bind',
          Source: '/keys/of/it',
          Target: '/run/nora',
          ReadOnly: true,
          BindOptions: { Propagation: 'rprivate' },
        },
        {
          Type: 'volume',
          Source: 'nora-f1f2f3f4-vol-22222222-0000-4000-8000-000000000000',
          Target: '/state',
          ReadOnly: false,
          VolumeOptions: {
            NoCopy: true,
            Labels: {
              'com.nora.installation': target.installation,
              'com.nora.workspace': target.workspaceId,
              'com.nora.agent': target.agentId,
              'com.nora.role': 'volume',
            },
            DriverConfig: { Name: 'local', Options: {} },
          },
        },
      ],
      NetworkMode: 'nora-f1f2f3f4-net-22222222-0000-4000-8000-000000000000',
      PublishAllPorts: false,
      PortBindings: {},
      Devices: [],
      RestartPolicy: { Name: 'no' },
      AutoRemove: false,
      LogConfig: { Type: 'json-file', Config: { 'max-size': '32m', 'max-file': '2' } },
      Sysctls: {
        'net.ipv6.conf.all.disable_ipv6': '1',
        'net.ipv6.conf.default.disable_ipv6': '1',
      },
    },
    NetworkingConfig: {
      EndpointsConfig: {
        'nora-f1f2f3f4-net-22222222-0000-4000-8000-000000000000': {
          IPAMConfig: { IPv4Address: '10.9.0.19' },
        },
      },
    },
  })
})

test('on a kernel without IPv6 nothing is said of it: the engine could not start what names a setting that is not there', () => {
  expect(containerSpec(target, image, '/keys', false).HostConfig?.Sysctls).toEqual({})
})

test('without a command the image keeps its own, without a state path there is one mount', () => {
  const { statePath: _, ...stateless } = target
  const made = containerSpec({ ...stateless, command: [] }, image, '/keys')
  expect(made).not.toHaveProperty('Entrypoint')
  expect(made).not.toHaveProperty('Cmd')
  expect(made.HostConfig?.Mounts).toHaveLength(1)
})

test('every label of the image is silenced, and ours are ours whatever the image says', () => {
  const theirs = {
    ...{ 'traefik.enable': 'true', 'com.docker.compose.project': 'nora', 'com.nora.agent': 'another' },
    ...{ 'com.nora.gateway': '0', '': 'x', constructor: 'x', ['__proto__']: 'x' },
  }
  const labels = spec({}, { labels: theirs }).Labels ?? {}
  const own = Object.entries(spec().Labels ?? {})
  expect(Object.entries(labels)).toEqual(expect.arrayContaining(own))
  const others = Object.entries(labels).filter(([name]) => !own.some(([one]) => one === name))
  const silent = [
    'traefik.enable',
    'com.docker.compose.project',
    'com.nora.gateway',
    '',
    'constructor',
    '__proto__',
  ]
  expect(others.sort()).toEqual(silent.map((name) => [name, '']).sort())
})

test('volumes of the image are memory; the state path and the keys stay what they are', () => {
  const made = spec({}, { volumes: ['/cache/', '/state', '/run/nora', '/tmp', '/var/lib/x'] })
  expect(Object.keys(made.HostConfig?.Tmpfs ?? {})).toEqual(['/tmp', '/cache', '/var/lib/x'])
})

describe('what would weaken it is refused', () => {
  const refused = expect.objectContaining({ code: 'container-invalid', retry: false })
  const thrownBy = (run: () => unknown) => {
    try {
      run()
    } catch (error) {
      return error
    }
    return undefined
  }

  test.each(['/', '', 'state', '/proc', '/proc/self', '/sys', '/dev/shm', '/run/nora', '/tmp', '/tmp/x'])(
    'state path %j',
    (statePath) => expect(thrownBy(() => spec({ statePath }))).toEqual(refused),
  )
  test.each(['/a/../etc', '/a/.', '/a,ro', '/a:b', '/a\nb', '/a//b', '/a/'])('state path %j', (statePath) =>
    expect(thrownBy(() => spec({ statePath }))).toEqual(refused),
  )
  test.each(['/', '/proc/x', '/dev'])('volume of the image %j', (path) =>
    expect(thrownBy(() => spec({}, { volumes: [path] }))).toEqual(refused),
  )
  test.each(['0', '0:0', '10001:0', 'root', '', '10001:staff', '-1', '99999999999', '1 '])(
    'user %j',
    (user) => expect(thrownBy(() => spec({ user }))).toEqual(refused),
  )
  test.each([
    [
      '201 labels',
      Array.from({ length: 201 }, (_, index) => `l${index}`),
      'has 201 labels, of which 200 are taken',
    ],
    ['a long name', ['x'.repeat(257)], 'a label whose name has 257 characters, of which 256 are taken'],
  ])('an image with %s', (_, names, words) => {
    const labels = Object.fromEntries(names.map((name) => [name, 'x']))
    expect(thrownBy(() => spec({}, { labels }))).toEqual(refused)
    expect(thrownBy(() => spec({}, { labels }))).toHaveProperty('message', expect.stringContaining(words))
    const fewer = Object.fromEntries(names.slice(0, 200).map((name) => [name.slice(0, 256), 'x']))
    expect(thrownBy(() => spec({}, { labels: fewer }))).toBeUndefined()
  })
  test.each(['', 'A=B', '1X', 'A B'])('variable named %j', (name) =>
    expect(thrownBy(() => spec({ env: { [name]: 'x' } }))).toEqual(refused),
  )
  test.each(['../../etc', 'x', '', '22222222-0000-4000-8000-00000000000/'])('agent id %j', (agentId) =>
    expect(thrownBy(() => spec({ agentId }))).toEqual(refused),
  )
})

test('a user without a group gets the group of the same number, never root’s', () => {
  expect(numericUser('10001')).toEqual({ uid: 10_001, gid: 10_001 })
  expect(numericUser('1000:2000')).toEqual({ uid: 1000, gid: 2000 })
})

test('/tmp is a quarter of the memory, within bounds', () => {
  const size = (memoryMb: number) =>
    /size=(\d+)m/.exec(
      spec({ resources: { ...target.resources, memoryMb } }).HostConfig?.Tmpfs?.['/tmp'] ?? '',
    )?.[1]
  expect([16, 64, 256, 8192].map(size)).toEqual(['16', '16', '64', '256'])
})
