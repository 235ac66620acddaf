import { createHash } from 'node:crypto'
import { kernelHasIpv6 } from '@nora/config/kernel'
import type Docker from 'dockerode'
import ipaddr from 'ipaddr.js'
import { installationPrefix, label } from '../backends/docker/names.ts'
import { noIpv6 } from '../backends/docker/no-ipv6.ts'

export type GatewaySettings = {
  installation: string
  /** 0 to 10: the gateway's place in the control network. */
  index: number
  /** NORA_AGENT_NETWORK_POOL. */
  pool: string
  /** base64url of raw Ed25519 public keys: the api's (a comma list while it is exchanged), and the one the worker's pushes are signed for. */
  capabilityPublicKey: string
  controlPublicKey: string
  /** What `ownImages` gave. */
  image: { reference: string; id: string }
  /** `network`: its ports are dialled on the control network and published nowhere. */
  dial: 'published' | 'network'
}

export const controlPort = '7081/tcp'
export const invokePort = '7082/tcp'

const MiB = 1024 * 1024
const CONTROL_PREFIX = 28
const MAX_INDEX = 10 // .2 to .12 of a /28, well below its broadcast address

/** Name and addresses of the network that gateways live on: the first sixteen addresses of the pool. */
export function controlNetwork(installation: string, pool: string) {
  const base = ipaddr.IPv4.networkAddressFromCIDR(pool)
  const at = (offset: number) => {
    const octets = [...base.octets]
    octets[3] = (octets[3] ?? 0) + offset // a pool of /27 or larger begins at a multiple of 32
    return octets.join('.')
  }
  return {
    // Sorts before the agents' networks: the engine takes the first by name for the default route and published ports.
    name: `${installationPrefix(installation)}-00-control`,
    subnet: `${at(0)}/${CONTROL_PREFIX}`,
    bridge: at(1),
    gateway: (index: number) => at(2 + index),
  }
}

export function controlNetworkSpec(installation: string, pool: string): Docker.NetworkCreateOptions {
  const { name, subnet, bridge } = controlNetwork(installation, pool)
  return {
    Name: name,
    CheckDuplicate: true,
    Driver: 'bridge',
    Internal: false, // the engine publishes no port from an internal network
    Attachable: false,
    EnableIPv6: false,
    IPAM: { Driver: 'default', Config: [{ Subnet: subnet, Gateway: bridge }] },
    Options: {
      'com.docker.network.bridge.host_binding_ipv4': '127.0.0.1',
      // A gateway has no business outside: without masquerading nothing answers it there.
      'com.docker.network.bridge.enable_ip_masquerade': 'false',
    },
    Labels: { [label.installation]: installation, [label.role]: 'control' },
  }
}

// The type lacks the namespace's name, the engine does not.
type GatewayContainer = Docker.ContainerCreateOptions & {
  HostConfig: Docker.HostConfig & { CgroupnsMode: 'private' }
}

/** The gateway's container: pure, given `hasIpv6` of the kernel, so that two workers make the same one and can tell a stale one by `com.nora.spec`. */
export function gatewaySpec(settings: GatewaySettings, hasIpv6 = kernelHasIpv6()) {
  const { installation, index, pool, image, dial } = settings
  if (!Number.isInteger(index) || index < 0 || index > MAX_INDEX)
    throw new RangeError('no such gateway index')
  const network = controlNetwork(installation, pool)
  const controlAddress = network.gateway(index)
  const name = `${installationPrefix(installation)}-gateway-${index}`
  const container: GatewayContainer = {
    name,
    Image: image.id,
    Hostname: `gateway-${index}`,
    User: '10001:10001',
    Env: [
      `GATEWAY_CONTROL_ADDRESS=${controlAddress}`,
      `GATEWAY_CAPABILITY_PUBLIC_KEY=${settings.capabilityPublicKey}`,
      `GATEWAY_CONTROL_PUBLIC_KEY=${settings.controlPublicKey}`,
      `GATEWAY_AGENT_POOL=${pool}`,
    ],
    ...(dial === 'published' && { ExposedPorts: { [controlPort]: {}, [invokePort]: {} } }),
    HostConfig: {
      Init: true,
      ReadonlyRootfs: true,
      Privileged: false,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges:true'],
      Sysctls: {
        'net.ipv4.ip_forward': '0', // it stands on many networks and is a bridge between none
        'net.ipv4.conf.all.arp_ignore': '1', // does not say on one network what it is called on another
        'net.ipv4.conf.all.rp_filter': '1',
        ...noIpv6(hasIpv6), // it listens on IPv4
      },
      Memory: 256 * MiB,
      MemorySwap: 256 * MiB,
      PidsLimit: 64,
      Ulimits: [
        { Name: 'nofile', Soft: 16_384, Hard: 16_384 },
        { Name: 'core', Soft: 0, Hard: 0 },
      ],
      IpcMode: 'private',
      CgroupnsMode: 'private',
      Tmpfs: { '/tmp': 'rw,noexec,nosuid,nodev,size=8m,mode=1777' },
      NetworkMode: network.name,
      PublishAllPorts: false,
      PortBindings:
        dial === 'published'
          ? {
              [controlPort]: [{ HostIp: '127.0.0.1', HostPort: '0' }],
              [invokePort]: [{ HostIp: '127.0.0.1', HostPort: '0' }],
            }
          : {},
      RestartPolicy: { Name: 'no' },
      AutoRemove: false,
      LogConfig: { Type: 'json-file', Config: { 'max-size': '5m', 'max-file': '2' } },
    },
    NetworkingConfig: {
      EndpointsConfig: { [network.name]: { IPAMConfig: { IPv4Address: controlAddress } } },
    },
  }
  const specHash = createHash('sha256').update(JSON.stringify(container)).digest('hex').slice(0, 32)
  container.Labels = {
    [label.installation]: installation,
    [label.role]: 'gateway',
    [label.spec]: specHash,
    'com.nora.gateway': String(index),
  }
  return { name, controlAddress, specHash, container, controlNetwork: network.name, dial }
}
