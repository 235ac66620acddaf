import { expect, test } from 'vitest'
import { controlNetwork, type GatewaySettings, gatewaySpec } from './gateway-spec.ts'

const settings: GatewaySettings = {
  installation: '0a1b2c3d-0000-4000-8000-000000000000',
  index: 1,
  pool: '10.214.0.0/16',
  capabilityPublicKey: 'api-key',
  controlPublicKey: 'worker-key',
  image: { reference: 'nora/gateway:1', id: 'sha256:1' },
  dial: 'published',
}

test("the control network is the pool's first sixteen addresses, and sorts before agents' networks", () => {
  const network = controlNetwork(settings.installation, settings.pool)
  expect(network).toMatchObject({
    name: 'nora-0a1b2c3d-00-control',
    subnet: '10.214.0.0/28',
    bridge: '10.214.0.1',
  })
  expect([0, 1, 10].map(network.gateway)).toEqual(['10.214.0.2', '10.214.0.3', '10.214.0.12'])
  expect([`${network.name}`, 'nora-0a1b2c3d-net-00000000'].sort()[0]).toBe(network.name)
})

test('the gateway has no privilege, no way to route, and is published on loopback alone', () => {
  const { container, name, controlAddress } = gatewaySpec(settings, true)
  const ipv4 = {
    'net.ipv4.ip_forward': '0',
    'net.ipv4.conf.all.arp_ignore': '1',
    'net.ipv4.conf.all.rp_filter': '1',
  }
  expect([name, controlAddress]).toEqual(['nora-0a1b2c3d-gateway-1', '10.214.0.3'])
  expect(container.User).toBe('10001:10001')
  expect(container.HostConfig).toMatchObject({
    ReadonlyRootfs: true,
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges:true'],
    Privileged: false,
    RestartPolicy: { Name: 'no' },
    PortBindings: {
      '7081/tcp': [{ HostIp: '127.0.0.1', HostPort: '0' }],
      '7082/tcp': [{ HostIp: '127.0.0.1', HostPort: '0' }],
    },
  })
  expect(container.HostConfig.Sysctls).toEqual({
    ...ipv4,
    'net.ipv6.conf.all.disable_ipv6': '1',
    'net.ipv6.conf.default.disable_ipv6': '1',
  })
  expect(gatewaySpec(settings, false).container.HostConfig.Sysctls).toEqual(ipv4)
  expect(Object.keys(container.HostConfig)).not.toEqual(
    expect.arrayContaining(['Binds', 'Mounts', 'Devices', 'CapAdd']),
  )
})

test('dialled on the control network, it is published nowhere', () => {
  const { container } = gatewaySpec({ ...settings, dial: 'network' })
  expect(container.HostConfig.PortBindings).toEqual({})
  expect(container).not.toHaveProperty('ExposedPorts')
})

test('the spec hash follows every setting and nothing else', () => {
  const hash = (more: Partial<GatewaySettings> = {}) => gatewaySpec({ ...settings, ...more }).specHash
  expect(hash()).toBe(hash())
  const others: Partial<GatewaySettings>[] = [
    { index: 2 },
    { dial: 'network' },
    { pool: '10.215.0.0/16' },
    { capabilityPublicKey: 'x' },
    { controlPublicKey: 'x' },
    { image: { reference: 'nora/gateway:1', id: 'sha256:2' } },
  ]
  expect(new Set([hash(), ...others.map((more) => hash(more))]).size).toBe(others.length + 1)
  for (const index of [-1, 11, 0.5]) expect(() => hash({ index })).toThrow(RangeError)
})
