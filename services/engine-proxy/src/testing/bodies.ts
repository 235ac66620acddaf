import type { Body } from './specs.ts'

export type Around = { foreign: string; keysDir: string; otherAgent: string; control: string; image: string }

type Bend = (body: Body, around: Around) => void

const host =
  (fields: object): Bend =>
  (body) =>
    Object.assign(body.HostConfig, fields)
const top =
  (fields: object): Bend =>
  (body) =>
    Object.assign(body, fields)
const mount =
  (index: number, fields: object): Bend =>
  (body) =>
    Object.assign(body.HostConfig.Mounts[index], fields)
const options = (Options: object): Bend =>
  mount(1, { VolumeOptions: { NoCopy: true, DriverConfig: { Name: 'local', Options } } })

/** Ways out of the posture, each as a change of the body that the worker really sends for an agent. */
export const escapes: Record<string, Bend> = {
  privileged: host({ Privileged: true }),
  'privileged in another case': host({ privileged: true }),
  'a second HostConfig in another case': (body) => {
    body.hostconfig = { ...body.HostConfig, Privileged: true }
  },
  'a third spelling': (body) => {
    body.hostConfig = { ...body.HostConfig, Privileged: true }
  },
  'a long s, which folds to s': host({ 'Privileged\u017f': true }),
  'a kelvin sign, which folds to k': (body) => {
    body.HostConfig['Networ\u212aMode'] = 'host'
  },
  'no HostConfig': (body) => {
    delete body.HostConfig
  },
  'one capability': host({ CapAdd: ['SYS_ADMIN'] }),
  'all capabilities': host({ CapAdd: ['ALL'] }),
  'no capability dropped': host({ CapDrop: [] }),
  'some dropped': host({ CapDrop: ['NET_RAW'] }),
  'the old field of capabilities': host({ Capabilities: ['CAP_SYS_ADMIN'] }),
  'no security options': host({ SecurityOpt: [] }),
  'seccomp off': host({ SecurityOpt: ['no-new-privileges:true', 'seccomp=unconfined'] }),
  'a seccomp profile of its own': host({
    SecurityOpt: ['no-new-privileges:true', 'seccomp={"defaultAction":"SCMP_ACT_ALLOW"}'],
  }),
  'apparmor off': host({ SecurityOpt: ['no-new-privileges:true', 'apparmor=unconfined'] }),
  'labels off': host({ SecurityOpt: ['no-new-privileges:true', 'label=disable'] }),
  'system paths open': host({ SecurityOpt: ['no-new-privileges:true', 'systempaths=unconfined'] }),
  'new privileges': host({ SecurityOpt: ['no-new-privileges:false'] }),
  'the root of the host': host({ Binds: ['/:/host'] }),
  'the engine’s socket': host({ Binds: ['/var/run/docker.sock:/s'] }),
  'a stranger’s volume by Binds': (body, { foreign }) =>
    Object.assign(body.HostConfig, { Binds: [`${foreign}:/x`] }),
  'the root of the host, mounted': mount(0, { Source: '/' }),
  'all agents’ keys': (body, { keysDir }) => Object.assign(body.HostConfig.Mounts[0], { Source: keysDir }),
  'a path with dots': (body, { keysDir }) =>
    Object.assign(body.HostConfig.Mounts[0], { Source: `${keysDir}/../../../etc` }),
  'another agent’s keys': (body, { keysDir, otherAgent }) =>
    Object.assign(body.HostConfig.Mounts[0], { Source: `${keysDir}/${otherAgent}` }),
  'keys that can be written': mount(0, { ReadOnly: false }),
  'keys where something else is': mount(0, { Target: '/etc' }),
  'mounts that spread': mount(0, { BindOptions: { Propagation: 'rshared' } }),
  'a bind that is not recursive': mount(0, { BindOptions: { Propagation: 'rprivate', NonRecursive: true } }),
  'a third mount': (body) => body.HostConfig.Mounts.push({ Type: 'bind', Source: '/etc', Target: '/x' }),
  'a folder as a volume': options({ type: 'none', o: 'bind', device: '/' }),
  'a disk as a volume': options({ type: 'ext4', device: '/dev/sda1' }),
  'a share as a volume': options({ type: 'nfs', o: 'addr=127.0.0.1', device: ':/' }),
  'another driver': mount(1, { VolumeOptions: { DriverConfig: { Name: 'x', Options: {} } } }),
  'a stranger’s volume': (body, { foreign }) => Object.assign(body.HostConfig.Mounts[1], { Source: foreign }),
  'a volume over the system': mount(1, { Target: '/proc' }),
  'a bind for a volume': mount(1, { Type: 'bind', Source: '/etc' }),
  'a device': host({
    Devices: [{ PathOnHost: '/dev/null', PathInContainer: '/dev/x', CgroupPermissions: 'rwm' }],
  }),
  'rules for devices': host({ DeviceCgroupRules: ['a *:* rwm'] }),
  'requests for devices': host({ DeviceRequests: [{ Count: -1, Capabilities: [['gpu']] }] }),
  'the host’s processes': host({ PidMode: 'host' }),
  'a stranger’s processes': (body, { foreign }) =>
    Object.assign(body.HostConfig, { PidMode: `container:${foreign}` }),
  'the host’s IPC': host({ IpcMode: 'host' }),
  'IPC for others': host({ IpcMode: 'shareable' }),
  'the host’s name': host({ UTSMode: 'host' }),
  'the host’s users': host({ UsernsMode: 'host' }),
  'the host’s cgroups': host({ CgroupnsMode: 'host' }),
  'the host’s network': host({ NetworkMode: 'host' }),
  'a stranger’s network stack': (body, { foreign }) =>
    Object.assign(body.HostConfig, { NetworkMode: `container:${foreign}` }),
  'the default network': host({ NetworkMode: 'bridge' }),
  'a stranger’s network': (body, { foreign }) => Object.assign(body.HostConfig, { NetworkMode: foreign }),
  'the gateways’ network': (body, { control }) => Object.assign(body.HostConfig, { NetworkMode: control }),
  'a second network': (body, { foreign }) =>
    Object.assign(body.NetworkingConfig.EndpointsConfig, { [foreign]: {} }),
  'a stranger’s volumes': (body, { foreign }) => Object.assign(body.HostConfig, { VolumesFrom: [foreign] }),
  'a link to a stranger': (body, { foreign }) => Object.assign(body.HostConfig, { Links: [`${foreign}:x`] }),
  'hosts of its own': host({ ExtraHosts: ['api:127.0.0.1'] }),
  'a resolver of its own': host({ Dns: ['127.0.0.1'] }),
  'a kernel setting': host({ Sysctls: { 'net.ipv4.ip_forward': '1' } }),
  'IPv6 left as the engine has it': (body) => {
    delete body.HostConfig.Sysctls
  },
  'no kernel setting at all': host({ Sysctls: {} }),
  'IPv6 on interfaces that come later': (body) => {
    delete body.HostConfig.Sysctls['net.ipv6.conf.default.disable_ipv6']
  },
  'IPv6 on': (body) => {
    body.HostConfig.Sysctls['net.ipv6.conf.all.disable_ipv6'] = '0'
  },
  'one more kernel setting': (body) => {
    body.HostConfig.Sysctls['net.ipv4.ping_group_range'] = '0 2147483647'
  },
  'a port of the host': host({ PortBindings: { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '0' }] } }),
  'all ports': host({ PublishAllPorts: true }),
  'another runtime': host({ Runtime: 'runc' }),
  'a restart by the engine': host({ RestartPolicy: { Name: 'always' } }),
  'its own removal': host({ AutoRemove: true }),
  'its log elsewhere': host({
    LogConfig: { Type: 'syslog', Config: { 'syslog-address': 'unixgram:///dev/log' } },
  }),
  'a log without end': host({ LogConfig: { Type: 'json-file', Config: {} } }),
  'memory without limit': host({ Memory: 0, MemorySwap: 0 }),
  'swap without limit': host({ MemorySwap: -1 }),
  'processes without limit': host({ PidsLimit: -1 }),
  'processors without limit': host({ NanoCpus: 0 }),
  'immunity to the killer': host({ OomKillDisable: true }),
  'the first place among those that live': host({ OomScoreAdj: -1000 }),
  'a root that can be written': host({ ReadonlyRootfs: false }),
  'nothing masked': host({ MaskedPaths: [] }),
  'nothing read-only': host({ ReadonlyPaths: [] }),
  'another control group': host({ CgroupParent: '/' }),
  'the group root': host({ GroupAdd: ['0'] }),
  'a file of the host': host({ ContainerIDFile: '/etc/nora-test' }),
  'more handles': host({ Ulimits: [] }),
  'programs in /tmp': host({ Tmpfs: { '/tmp': 'rw,exec,size=16m' } }),
  'memory over /proc': (body) =>
    Object.assign(body.HostConfig.Tmpfs, { '/proc/sys': body.HostConfig.Tmpfs['/tmp'] }),
  root: top({ User: '0:0' }),
  'root by name': top({ User: 'root' }),
  'the image’s user': top({ User: '' }),
  'the group of root': top({ User: '10001:0' }),
  'the user of the worker': top({ User: '10104:10104' }),
  'another installation’s label': (body) => {
    body.Labels['com.nora.installation'] = '00000000-0000-4000-8000-000000000000'
  },
  'another agent’s label': (body, { otherAgent }) => {
    body.Labels['com.nora.agent'] = otherAgent
  },
  'a label of Compose': (body) => {
    body.Labels['com.docker.compose.project'] = 'x'
  },
  'a label of its image that goes on speaking': (body) => {
    delete body.Labels['com.nora.content']
  },
  'a label of its image in another case': (body) => {
    delete body.Labels['com.nora.content']
    body.Labels['Com.nora.content'] = ''
  },
  'a label with a name without end': (body) => {
    body.Labels['x'.repeat(257)] = ''
  },
  'labels without end': (body) => {
    for (let index = 0; index < 200; index++) body.Labels[`l${index}`] = ''
  },
  'its image by a name, which may point to another one by then': (body, { image }) =>
    Object.assign(body, { Image: image }),
  'no labels': top({ Labels: {} }),
  'the address of its gateway': (body) => {
    const [endpoint] = Object.values<Body>(body.NetworkingConfig.EndpointsConfig)
    endpoint.IPAMConfig.IPv4Address = endpoint.IPAMConfig.IPv4Address.replace(/\d+$/, (last: string) =>
      String(Number(last) - 1),
    )
  },
  'a name of its own on the network': (body) => {
    const [endpoint] = Object.values<Body>(body.NetworkingConfig.EndpointsConfig)
    endpoint.Aliases = ['api']
  },
  'an address of hardware': top({ MacAddress: '02:42:ac:11:00:02' }),
  'a health check': top({ Healthcheck: { Test: ['CMD', '/bin/sh'] } }),
  'volumes of its own': top({ Volumes: { '/x': {} } }),
  'a terminal': top({ Tty: true, OpenStdin: true }),
  'ports of its own': top({ ExposedPorts: { '22/tcp': {} } }),
  'a field of a newer engine': host({ FieldOfANewerEngine: true }),
}

/** What `log-opts` of an engine's daemon.json can add to every container whose logs are json-file's. */
export const hostsLogOptions = {
  ...{ compress: 'true', tag: '{{.Name}}', mode: 'non-blocking', 'max-buffer-size': '4m' },
  ...{ labels: 'tier', 'labels-regex': '^com[.]', env: 'TIER', 'env-regex': '^TIER' },
  ...{ 'cache-disabled': 'false', 'cache-max-size': '20m', 'cache-max-file': '5', 'cache-compress': 'true' },
}
