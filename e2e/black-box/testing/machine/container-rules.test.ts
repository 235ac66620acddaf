import { expect, test } from 'vitest'
import { allowedTo, allowedToOurs, type Inspected, violations } from './container-rules.ts'

const key = `${'c0ffee'.repeat(10)}abcd`
const facts = {
  secrets: [{ name: 'worker.env ENCRYPTION_KEY', value: key }],
  engineSocket: '/var/run/docker.sock',
  config: '/etc/nora',
}

/** A container of the stack with nothing to be said against it. */
const good = (): Inspected => ({
  Name: '/nora-1-api',
  Config: { User: '10103:10103', Labels: {}, Env: ['ENCRYPTION_KEY_FILE=/run/secrets/x'], Cmd: ['node'] },
  HostConfig: {
    ...{ Privileged: false, ReadonlyRootfs: true, CapAdd: null, CapDrop: ['ALL'] },
    ...{ SecurityOpt: ['no-new-privileges:true'], Memory: 1, NanoCpus: 1, PidsLimit: 1 },
    ...{ NetworkMode: 'nora-1', PidMode: '', IpcMode: 'private', UTSMode: '', Devices: null },
    ...{ PortBindings: {}, LogConfig: { Type: 'json-file', Config: { 'max-size': '10m' } } },
    ...{ Ulimits: [{ Name: 'core', Hard: 0 }], RestartPolicy: { Name: 'unless-stopped' } },
  },
  Mounts: [{ Source: '/etc/nora/compose/secrets/api', Destination: '/run/secrets', RW: false }],
})

/** What is found in a container of `service` after `spoil`. */
const found = (spoil: (one: Inspected) => void, service = 'api') => {
  const one = good()
  spoil(one)
  return violations(one, allowedTo(service, '127.0.0.1'), facts)
}

test('a container as it should be has no violation', () => {
  expect(found(() => undefined)).toEqual([])
})

test.each<[string, (one: Inspected) => void]>([
  ['a secret in Env', ({ Config }) => Object.assign(Config, { Env: [`ENCRYPTION_KEY=${key}`] })],
  ['a secret in Cmd', ({ Config }) => Object.assign(Config, { Cmd: ['node', `--key=${key}`] })],
  [
    'a secret in a label, as base64 of its bytes',
    ({ Config }) => Object.assign(Config, { Labels: { a: Buffer.from(key, 'hex').toString('base64') } }),
  ],
  [
    'a secret in a health check, as base64url of its text',
    ({ Config }) =>
      Object.assign(Config, { Healthcheck: { Test: ['CMD', Buffer.from(key).toString('base64url')] } }),
  ],
  [
    'a secret in an address',
    ({ Config }) => Object.assign(Config, { Env: [`DATABASE_URL=postgres://nora_app:${key}@db/nora`] }),
  ],
  ['a secret in a mount', (one) => Object.assign(one, { Mounts: [{ Source: `/srv/${key.toUpperCase()}` }] })],
])('%s is found, and is not repeated', (_, spoil) => {
  const said = found(spoil)
  expect(said).toEqual(['nora-1-api shows a secret: worker.env ENCRYPTION_KEY'])
  expect(said.join()).not.toContain(key)
})

const host = (more: Partial<Inspected['HostConfig']>) => (one: Inspected) =>
  Object.assign(one.HostConfig, more)
const mounts =
  (...sources: string[]) =>
  (one: Inspected) =>
    Object.assign(one, { Mounts: sources.map((Source) => ({ Source })) })

test.each<[string, (one: Inspected) => void, RegExp]>([
  ['the socket', mounts('/var/run/docker.sock'), /mounts the engine's socket/],
  ['the socket by its other name', mounts('/run/docker.sock'), /mounts the engine's socket/],
  ['a folder that holds the socket', mounts('/var/run'), /mounts the engine's socket/],
  ['another engine’s socket', mounts('/srv/x/docker.sock'), /mounts the engine's socket/],
  ['the whole folder of secrets', mounts('/etc/nora'), /whole folder of secrets/],
  ['a folder above that', mounts('/etc'), /whole folder of secrets/],
  ['privileges', host({ Privileged: true }), /is privileged/],
  ['a writable root', host({ ReadonlyRootfs: false }), /write to its root/],
  ['a capability', host({ CapAdd: ['CAP_NET_ADMIN'] }), /capabilities that it was not given: NET_ADMIN/],
  ['kept capabilities', host({ CapDrop: [] }), /keeps capabilities/],
  ['new privileges', host({ SecurityOpt: null }), /may gain privileges/],
  ['no seccomp', host({ SecurityOpt: ['no-new-privileges', 'seccomp=unconfined'] }), /is unconfined/],
  ['root', ({ Config }) => Object.assign(Config, { User: '0:0' }), /runs as root/],
  ['no user', ({ Config }) => Object.assign(Config, { User: '' }), /runs as root/],
  ['no limit of memory', host({ Memory: 0 }), /no limit of memory/],
  ['no limit of CPU', host({ NanoCpus: 0 }), /no limit of CPU/],
  ['no limit of processes', host({ PidsLimit: null }), /no limit of processes/],
  ['a log without end', host({ LogConfig: { Type: 'json-file', Config: {} } }), /rotate its log/],
  ['core dumps', host({ Ulimits: [] }), /dump core/],
  ['a device', host({ Devices: [{}] }), /has devices/],
  ['the network of the machine', host({ NetworkMode: 'host' }), /network of the machine/],
  ['the processes of the machine', host({ PidMode: 'host' }), /shares PidMode/],
  ['no restart', host({ RestartPolicy: { Name: 'no' } }), /is restarted: no/],
  ['all ports', host({ PublishAllPorts: true }), /publishes all/],
  [
    'a port',
    host({ PortBindings: { '8080/tcp': [{ HostIp: '127.0.0.1', HostPort: '1' }] } }),
    /publishes 8080\/tcp on 127.0.0.1/,
  ],
])('%s is found', (_, spoil, words) => {
  expect(found(spoil)).toEqual([expect.stringMatching(words)])
})

test('what one service is let have, no other has', () => {
  const published = host({ PortBindings: { '8443/tcp': [{ HostIp: '127.0.0.1', HostPort: '1' }] } })
  const everywhere = host({ PortBindings: { '8443/tcp': [{ HostIp: '', HostPort: '1' }] } })
  expect(found(published, 'nginx')).toEqual([])
  expect(found(everywhere, 'nginx')).toEqual(['nora-1-api publishes 8443/tcp on 0.0.0.0'])
  expect(found(mounts('/var/run/docker.sock'), 'engine-proxy')).toEqual([])
  expect(found(mounts('/var/run/docker.sock'), 'worker')).toHaveLength(1)
  const guarding = host({ CapAdd: ['NET_ADMIN'], NetworkMode: 'host' })
  expect(found(guarding, 'netguard')).toEqual([])
  expect(found(guarding, 'worker')).toHaveLength(2)
})

test('a gateway publishes on loopback in the embedded shape alone', () => {
  const gateway = good()
  host({ NanoCpus: 0, RestartPolicy: { Name: 'no' } })(gateway)
  host({ PortBindings: { '7081/tcp': [{ HostIp: '127.0.0.1', HostPort: '0' }] } })(gateway)
  expect(violations(gateway, allowedToOurs('gateway', 'embedded'), facts)).toEqual([])
  expect(violations(gateway, allowedToOurs('gateway', 'compose'), facts)).toHaveLength(1)
  expect(violations(gateway, allowedToOurs('agent', 'embedded'), facts)).toHaveLength(2)
})

test('a container that is never started needs no bounds, but everything else', () => {
  const one = good()
  host({
    ReadonlyRootfs: false,
    Memory: 0,
    NanoCpus: 0,
    PidsLimit: 0,
    Ulimits: [],
    RestartPolicy: { Name: 'no' },
  })(one)
  Object.assign(one, { State: { Status: 'removing', StartedAt: '0001-01-01T00:00:00Z' } })
  const said = () => violations(one, allowedToOurs('hand-over', 'compose'), facts)
  expect(said()).toEqual([])
  Object.assign(one, { State: { Status: 'exited', StartedAt: '2026-03-01T10:00:00.5Z' } })
  expect(said()).toEqual(['nora-1-api was started'])
  host({ Privileged: true })(one)
  expect(said()).toHaveLength(2)
})
