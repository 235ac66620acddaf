import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { freePool } from '@nora/testing/address-pool'
import { tarArchive } from '@nora/worker/backends/docker/tar'
import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { namesOf } from './policy/ours.ts'
import { notJudged, ordinaryEngine, rulesFor } from './policy/posture-fields.ts'
import { hostsLogOptions } from './testing/bodies.ts'
import { agentCreation, type Body } from './testing/specs.ts'
import { stage } from './testing/stage.ts'

type Bend = (body: Body, container: () => Promise<Docker.Container>) => unknown

let it: Awaited<ReturnType<typeof stage>>
beforeAll(async () => {
  it = await stage()
}, 300_000)
afterAll(() => it?.close())

/** An agent with its key folder and network, and nothing else yet. */
async function newAgent() {
  const { facts, docker } = it
  const target = { ...facts.target, agentId: crypto.randomUUID() }
  const own = namesOf(facts.ours, target.agentId)
  mkdirSync(join(facts.keysDir, target.agentId))
  const network = await docker.createNetwork({
    ...{ Name: own.network, Labels: it.labels('network', target.agentId) },
    IPAM: { Config: [{ Subnet: freePool().replace('/22', '/29') }] },
  })
  return { target, own, network }
}

// With our labels and names, by somebody who may ask the engine itself.
test('a container of ours that was given more by hand is not started, entered, filled or joined to anything', async () => {
  const { facts, call, docker, stranger, image } = it
  const { target, own, network } = await newAgent()
  const keys = { Type: 'bind', Source: join(facts.keysDir, target.agentId) }
  const mount = (fields: object) => (body: Body) => body.HostConfig.Mounts.push({ Target: '/x', ...fields })
  const first = (fields: object) => (body: Body) => Object.assign(body.HostConfig.Mounts[0], fields)
  const host = (fields: object) => (body: Body) => Object.assign(body.HostConfig, fields)
  const bends: Record<string, Bend> = {
    'a mount of /etc': mount({ Type: 'bind', Source: '/etc', ReadOnly: true }),
    [`a mount of ${stranger}`]: mount({ Type: 'volume', Source: stranger }),
    'a mount of tmpfs': mount({ Type: 'tmpfs' }),
    [`a mount of ${join(facts.keysDir, facts.target.agentId)}`]: first({
      Source: join(facts.keysDir, facts.target.agentId),
    }),
    [`a mount of ${keys.Source}`]: first({ ReadOnly: false }),
    [`a mount of ${own.volume}`]: mount({
      ...{ Type: 'volume', Source: own.volume },
      VolumeOptions: { DriverConfig: { Name: 'local', Options: { type: 'none', o: 'bind', device: '/' } } },
    }),
    Binds: host({ Binds: ['/etc:/x'] }),
    VolumesFrom: host({ VolumesFrom: [it.strangerId] }),
    Devices: host({
      Devices: [{ PathOnHost: '/dev/null', PathInContainer: '/dev/x', CgroupPermissions: 'r' }],
    }),
    DeviceCgroupRules: host({ DeviceCgroupRules: ['b *:* rwm'] }),
    CapAdd: host({ CapAdd: ['SYS_ADMIN'] }),
    Privileged: host({ Privileged: true }),
    SecurityOpt: host({ SecurityOpt: ['no-new-privileges:true', 'seccomp=unconfined'] }),
    'PidMode host': host({ PidMode: 'host' }),
    'UsernsMode host': host({ UsernsMode: 'host' }),
    'IpcMode container:': host({ IpcMode: `container:${it.strangerId}` }),
    // `docker run --security-opt systempaths=unconfined` sends these.
    'MaskedPaths []': host({ MaskedPaths: [] }),
    'ReadonlyPaths []': host({ ReadonlyPaths: [] }),
    'MaskedPaths ["/proc/kcore"]': host({ MaskedPaths: ['/proc/kcore'] }),
    'Runtime io.containerd.runc.v2': host({ Runtime: 'io.containerd.runc.v2' }),
    'CgroupParent /nora-test': host({ CgroupParent: '/nora-test' }),
    'CgroupnsMode host': host({ CgroupnsMode: 'host' }),
    'IpcMode shareable': host({ IpcMode: 'shareable' }),
    'UTSMode host': (body) => {
      Object.assign(body.HostConfig, { UTSMode: 'host' })
      delete body.Hostname
    },
    'NetworkMode none': host({ NetworkMode: 'none' }),
    'CapDrop null': host({ CapDrop: null }),
    'CapDrop ["NET_RAW"]': host({ CapDrop: ['NET_RAW'] }),
    'SecurityOpt []': host({ SecurityOpt: [] }),
    'GroupAdd ["0"]': host({ GroupAdd: ['0'] }),
    'ReadonlyRootfs false': host({ ReadonlyRootfs: false }),
    'Tmpfs {"/tmp":"rw,exec"}': host({ Tmpfs: { '/tmp': 'rw,exec' } }),
    'Sysctls {"net.ipv4.ip_forward":"1"}': host({ Sysctls: { 'net.ipv4.ip_forward': '1' } }),
    'PortBindings {"80/tcp"': host({ PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] } }),
    'PublishAllPorts true': host({ PublishAllPorts: true }),
    'ExtraHosts ["x:10.0.0.1"]': host({ ExtraHosts: ['x:10.0.0.1'] }),
    'Dns ["10.0.0.1"]': host({ Dns: ['10.0.0.1'] }),
    'OomScoreAdj -500': host({ OomScoreAdj: -500 }),
    'OomKillDisable true': host({ OomKillDisable: true }),
    'Memory 0': host({ Memory: 0, MemorySwap: 0 }),
    'MemorySwap -1': host({ MemorySwap: -1 }),
    'NanoCpus 0': host({ NanoCpus: 0 }),
    'PidsLimit null': host({ PidsLimit: null }),
    'CpuShares 4096': host({ CpuShares: 4096 }),
    'Ulimits [{"Name":"core"': host({ Ulimits: [{ Name: 'core', Soft: -1, Hard: -1 }] }),
    'LogConfig {"Type":"none"': host({ LogConfig: { Type: 'none', Config: {} } }),
    'LogConfig {"Type":"json-file"': (body) => delete body.HostConfig.LogConfig.Config['max-size'],
    'RestartPolicy {"Name":"always"': host({ RestartPolicy: { Name: 'always' } }),
    'AutoRemove true': host({ AutoRemove: true }),
    'User 0': (body) => Object.assign(body, { User: '0' }),
    [`a place on the network ${stranger}`]: async (_, container) =>
      docker.getNetwork(stranger).connect({ Container: (await container()).id }),
  }
  const made = async (bend: Bend) => {
    const { name, body } = agentCreation(
      { ...target, command: ['/bin/sleep', '600'] },
      facts.keysDir,
      facts.image,
    )
    body.NetworkingConfig = {}
    let made: Promise<Docker.Container> | undefined
    const container = () => (made ??= docker.createContainer({ name, ...body }))
    await bend(body, container)
    return container()
  }
  const refused = (words: string) => ({
    status: 403,
    message: expect.stringContaining(`none of this installation's has: ${words}`),
  })
  for (const [words, bend] of Object.entries(bends)) {
    const container = await made(bend)
    expect(await call('POST', `/containers/${container.id}/start`)).toMatchObject(refused(words))
    expect(await call('POST', `/containers/${own.container}/exec`, { Cmd: ['/bin/id'] })).toMatchObject(
      refused(words),
    )
    await container.remove({ force: true })
  }
  // What is as it should be, and its mounts as this engine writes them down, is started.
  const ofHost: Bend = ({ HostConfig }) => Object.assign(HostConfig.LogConfig.Config, hostsLogOptions)
  for (const bend of [() => undefined, ofHost]) {
    const fine = await made(bend)
    expect((await call('POST', `/containers/${fine.id}/start`)).status).toBe(204)
    await fine.remove({ force: true })
  }

  const bind = { Type: 'bind', Source: '/etc', Target: '/keys' } as const
  for (const role of ['hand-over', 'gateway']) {
    const HostConfig = { NetworkMode: 'none', Mounts: [bind] }
    const Labels = it.labels(role, target.agentId)
    const container = await docker.createContainer({ Image: image, Labels, HostConfig })
    const at = { EndpointConfig: { IPAMConfig: { IPv4Address: facts.target.network.gateway } } }
    const said =
      role === 'gateway'
        ? call('POST', `/networks/${it.names.network}/connect`, { Container: container.id, ...at })
        : call('PUT', `/containers/${container.id}/archive?path=/keys`, '')
    expect(await said, role).toMatchObject(refused('a mount of /etc'))
    await container.remove()
  }
  await network.remove()
  await docker.getVolume(own.volume).remove()
})

test('a state that somebody made a folder of the host by hand is not started with, entered or filled', async () => {
  const { facts, call, docker, folder } = it
  const { target, own, network } = await newAgent()
  const command = ['/bin/sleep', '600']
  const { name, body } = agentCreation({ ...target, command }, facts.keysDir, facts.image)
  body.NetworkingConfig = {}
  const helper = {
    ...{ name: own.handOver, Image: it.image, User: '65534:65534', Entrypoint: ['/nothing-runs-here'] },
    Labels: it.labels('hand-over', target.agentId),
    HostConfig: {
      ...{ NetworkMode: 'none', CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges:true'] },
      Mounts: [{ Type: 'volume' as const, Source: own.volume, Target: '/state', ReadOnly: false }],
    },
  }
  const ofHost = { DriverOpts: { type: 'none', o: 'bind', device: folder } }
  const Labels = it.labels('volume', target.agentId)
  for (const [volume, words] of [
    [{ ...ofHost, Labels }, 'The volume has options'],
    [{}, 'This volume is not this installation'],
    [{ Labels }, undefined],
  ] as const) {
    await docker.createVolume({ Name: own.volume, Driver: 'local', ...volume })
    const container = await docker.createContainer({ name, ...body })
    const helping = await docker.createContainer(helper)
    const calls = {
      start: () => call('POST', `/containers/${container.id}/start`),
      exec: () => call('POST', `/containers/${container.id}/exec`, { Cmd: ['/bin/id'] }),
      fill: () => call('PUT', `/containers/${helping.id}/archive?path=/`, tarArchive([]).toString()),
    }
    for (const [what, made] of Object.entries(calls)) {
      const said = await made()
      if (words === undefined) expect(said.status, what).toBeLessThan(300)
      else expect(said, what).toMatchObject({ status: 403, message: expect.stringContaining(words) })
    }
    for (const one of [container, helping]) await one.remove({ force: true })
    await docker.getVolume(own.volume).remove()
  }
  // What is not there any more is made anew by the engine, as the container says.
  const container = await docker.createContainer({ name, ...body })
  expect((await call('POST', `/containers/${container.id}/start`)).status).toBe(204)
  await container.remove({ force: true })
  await network.remove()
})

test('each field that this engine shows of a container is looked at, or said to be of no effect', async () => {
  const { facts, docker, agentId, gatewayId } = it
  for (const [role, id] of [
    ['agent', agentId],
    ['gateway', gatewayId],
  ] as const) {
    const { HostConfig } = await docker.getContainer(id).inspect()
    const looked = rulesFor(facts.ours, role, facts.target.agentId, { ...HostConfig }, ordinaryEngine)
    const names = Object.keys(HostConfig).filter((name) => !(notJudged as readonly string[]).includes(name))
    expect(
      names.filter((name) => !Object.hasOwn(looked, name)),
      role,
    ).toEqual([])
  }
})
