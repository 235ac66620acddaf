import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { namesOf } from './policy/ours.ts'
import { agentCreation, type Body } from './testing/specs.ts'
import { stage } from './testing/stage.ts'

let it: Awaited<ReturnType<typeof stage>>
beforeAll(async () => {
  it = await stage()
}, 170_000)
afterAll(() => it?.close())

// With our labels and names, by somebody who may ask the engine itself.
test('a container of ours that was given more by hand is not started, entered, filled or joined to anything', async () => {
  const { facts, call, docker, stranger, image } = it
  const target = { ...facts.target, agentId: crypto.randomUUID() }
  const own = namesOf(facts.ours, target.agentId)
  mkdirSync(join(facts.keysDir, target.agentId))
  const network = await docker.createNetwork({
    ...{ Name: own.network, Labels: it.labels('network', target.agentId) },
    IPAM: { Config: [{ Subnet: '10.254.91.0/29' }] },
  })
  const keys = { Type: 'bind', Source: join(facts.keysDir, target.agentId) }
  const mount = (fields: object) => (body: Body) => body.HostConfig.Mounts.push({ Target: '/x', ...fields })
  const first = (fields: object) => (body: Body) => Object.assign(body.HostConfig.Mounts[0], fields)
  const host = (fields: object) => (body: Body) => Object.assign(body.HostConfig, fields)
  const bends: Record<string, (body: Body) => unknown> = {
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
  }
  const made = async (bend: (body: Body) => unknown) => {
    const { name, body } = agentCreation(
      { ...target, command: ['/bin/sleep', '600'] },
      facts.keysDir,
      facts.image,
    )
    body.NetworkingConfig = {}
    bend(body)
    return docker.createContainer({ name, ...body })
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
  const fine = await made(() => undefined)
  expect((await call('POST', `/containers/${fine.id}/start`)).status).toBe(204)
  await fine.remove({ force: true })

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
