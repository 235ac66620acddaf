import {
  allCapabilities,
  imageReference,
  noIpv6,
  securityOptions,
  swapEqualsMemory,
  ulimits,
} from './agent-body.ts'
import { controlNetwork, label, mostGateways, type Ours } from './ours.ts'
import { exactly, fields, optional, type Rule, text } from './rules.ts'

const MiB = 1024 * 1024
const loopback = [{ HostIp: '127.0.0.1', HostPort: '0' }]
// One public key, or two while it is exchanged.
const key = /^[A-Za-z0-9_-]{43}(,[A-Za-z0-9_-]{43})?$/

/** The container of a gateway under this name: gatewaySpec of the worker and nothing besides. */
export function gatewayBody(ours: Ours, name: string, hasIpv6: boolean): Rule {
  const index = Number(/-gateway-(\d{1,2})$/.exec(name)?.[1] ?? -1)
  if (name !== `${ours.prefix}-gateway-${index}` || index < 0 || index >= mostGateways)
    return () => `the name must be ${ours.prefix}-gateway-0 to -${mostGateways - 1}`
  const network = controlNetwork(ours)
  const address = network.gateway(index)
  return fields({
    Image: imageReference,
    Hostname: exactly(`gateway-${index}`),
    User: exactly('10001:10001'),
    Env: environment(address, ours),
    ExposedPorts: optional(exactly({ '7081/tcp': {}, '7082/tcp': {} })),
    Labels: fields({
      [label.installation]: exactly(ours.installation),
      [label.role]: exactly('gateway'),
      [label.spec]: text(/^[0-9a-f]{32}$/, 'a hash'),
      [label.gateway]: exactly(String(index)),
    }),
    HostConfig: swapEqualsMemory(fields(gatewayHostConfig(network.name, hasIpv6))),
    NetworkingConfig: exactly({
      EndpointsConfig: { [network.name]: { IPAMConfig: { IPv4Address: address } } },
    }),
  })
}

/** The four variables, in their order; keys are public ones. */
function environment(address: string, ours: Ours): Rule {
  return (value, path) => {
    const [at, api, worker, pool] = Array.isArray(value) && value.length === 4 ? value.map(String) : []
    const right =
      at === `GATEWAY_CONTROL_ADDRESS=${address}` &&
      pool === `GATEWAY_AGENT_POOL=${ours.pool.text}` &&
      isKey(api, 'GATEWAY_CAPABILITY_PUBLIC_KEY=') &&
      isKey(worker, 'GATEWAY_CONTROL_PUBLIC_KEY=')
    return right ? undefined : `${path} must be the four settings of this gateway`
  }
}

const isKey = (variable: string | undefined, name: string) =>
  variable?.startsWith(name) === true && key.test(variable.slice(name.length))

/** A rule for each field that the HostConfig of a gateway's container has. */
export const gatewayHostConfig = (network: string, hasIpv6: boolean): Record<string, Rule> => ({
  Init: exactly(true),
  ReadonlyRootfs: exactly(true),
  Privileged: exactly(false),
  CapDrop: allCapabilities,
  SecurityOpt: securityOptions,
  Sysctls: exactly({
    'net.ipv4.ip_forward': '0',
    'net.ipv4.conf.all.arp_ignore': '1',
    'net.ipv4.conf.all.rp_filter': '1',
    ...noIpv6(hasIpv6),
  }),
  Memory: exactly(256 * MiB),
  MemorySwap: exactly(256 * MiB),
  PidsLimit: exactly(64),
  Ulimits: ulimits,
  IpcMode: exactly('private'),
  CgroupnsMode: exactly('private'),
  Tmpfs: exactly({ '/tmp': 'rw,noexec,nosuid,nodev,size=8m,mode=1777' }),
  NetworkMode: exactly(network),
  PublishAllPorts: exactly(false),
  // Published on loopback alone, at a port that the engine chooses, or not at all.
  PortBindings: (value, path) =>
    exactly({})(value, path) === undefined
      ? undefined
      : exactly({ '7081/tcp': loopback, '7082/tcp': loopback })(value, path),
  RestartPolicy: exactly({ Name: 'no' }),
  AutoRemove: exactly(false),
  LogConfig: exactly({ Type: 'json-file', Config: { 'max-size': '5m', 'max-file': '2' } }),
})
