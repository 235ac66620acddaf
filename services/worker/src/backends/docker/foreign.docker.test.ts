import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Target } from '../backend.ts'
import { deploy, removeAll, soon } from '../testing/agent.ts'
import { label, objectNames } from './names.ts'
import { type DockerFixture, dockerFixture } from './testing/docker-fixture.ts'

// What has our name and not our labels belongs to somebody else, whatever else is true of it.
describe('objects that are not ours', () => {
  let fixture: DockerFixture
  beforeAll(async () => {
    fixture = await dockerFixture()
  })
  afterAll(() => fixture?.close())

  const others = (target: Target) => [
    {},
    { [label.installation]: 'another', [label.agent]: target.agentId, [label.role]: 'agent' },
    { [label.installation]: target.installation, [label.agent]: 'another', [label.role]: 'agent' },
    { [label.installation]: target.installation, [label.agent]: target.agentId, [label.role]: 'gateway' },
  ]

  test('a container is observed as foreign, blocks the agent with a sentence, and survives every verb', async () => {
    const { docker, backend } = fixture
    for (const labels of others(fixture.target())) {
      const target = fixture.target()
      const name = objectNames(target.installation, target.agentId).container
      const foreign = await docker.createContainer({
        name,
        Image: target.image.reference,
        Cmd: ['/bin/sleep', '300'],
        Labels: swap(labels, target),
        HostConfig: { NetworkMode: 'none' },
      })
      try {
        await foreign.start()
        expect((await backend.observe(target, soon())).container).toEqual({
          foreign: `${name}, ${foreign.id.slice(0, 12)}`,
        })
        await expect(deploy(backend, target)).rejects.toMatchObject({
          code: 'name-taken',
          retry: false,
          message: expect.stringContaining(`docker rename ${name}`),
        })
        await expect(backend.start(target, soon())).rejects.toMatchObject({ code: 'name-taken' })
        const reload = { kind: 'signal', signal: 'SIGHUP' } as const
        await expect(backend.reload({ ...target, reload }, soon())).rejects.toMatchObject({
          code: 'name-taken',
        })
        await backend.stop(target, soon())
        await removeAll(backend, target)
        expect((await foreign.inspect()).State.Running).toBe(true)
      } finally {
        await foreign.remove({ force: true })
      }
    }
  })

  test('a network is left alone and named', async () => {
    const { docker, backend } = fixture
    const target = fixture.target()
    const name = objectNames(target.installation, target.agentId).network
    const foreign = await docker.createNetwork({ Name: name, Internal: true })
    try {
      expect((await backend.observe(target, soon())).network).toEqual({
        foreign: `${name}, ${foreign.id.slice(0, 12)}`,
      })
      await expect(backend.ensureNetwork(target, soon())).rejects.toMatchObject({
        code: 'name-taken',
        retry: false,
        message: expect.stringContaining(name),
      })
      await removeAll(backend, target)
      expect((await foreign.inspect()).Name).toBe(name)
    } finally {
      await foreign.remove()
    }
  })

  test('a volume is left alone and never mounted', async () => {
    const { docker, backend } = fixture
    const target = fixture.target()
    const name = objectNames(target.installation, target.agentId).volume
    await docker.createVolume({ Name: name })
    try {
      expect((await backend.observe(target, soon())).storage).toBe('absent')
      const refused = { code: 'name-taken', retry: false, message: expect.stringContaining(name) }
      await expect(backend.ensureStorage(target, soon())).rejects.toMatchObject(refused)
      await backend.ensureNetwork(target, soon())
      await expect(backend.ensureContainer(target, soon())).rejects.toMatchObject(refused)
      await removeAll(backend, target)
      expect((await docker.getVolume(name).inspect()).Name).toBe(name)
    } finally {
      await docker.getVolume(name).remove()
    }
  })

  test('an orphan is looked at again before it goes', async () => {
    const { docker, backend } = fixture
    const target = fixture.target()
    const [own, ...foreign] = [target.installation, 'another', ''].map((installation) => ({
      ...(installation === '' ? {} : { [label.installation]: installation }),
      ...{ [label.agent]: target.agentId, [label.role]: 'agent' },
    }))
    const listed = {
      ...{ name: 'x', agentId: target.agentId, workspaceId: target.workspaceId },
      ...{ generation: 1, specHash: '', status: 'created' as const, ip: null, renamed: true },
    }
    for (const labels of foreign) {
      const container = await docker.createContainer({ Image: target.image.reference, Labels: labels })
      try {
        const orphan = { ...listed, containerId: container.id }
        await expect(backend.removeOrphan(orphan, soon())).rejects.toMatchObject({ code: 'name-taken' })
        expect((await container.inspect()).State.Status).toBe('created')
        expect((await backend.list(soon())).map((one) => one.containerId)).not.toContain(container.id)
      } finally {
        await container.remove()
      }
    }
    const renamed = await docker.createContainer({ Image: target.image.reference, Labels: own! })
    const found = (await backend.list(soon())).find((one) => one.containerId === renamed.id)
    expect(found).toMatchObject({ agentId: target.agentId })
    await backend.removeOrphan(found!, soon())
    await expect(renamed.inspect()).rejects.toMatchObject({ statusCode: 404 })
  })

  test('a stranger on our network is not thrown off it', async () => {
    const { docker, backend } = fixture
    const target = fixture.target()
    const { network } = objectNames(target.installation, target.agentId)
    await backend.ensureNetwork(target, soon())
    const stranger = await docker.createContainer({
      Image: target.image.reference,
      Cmd: ['/bin/sleep', '300'],
      HostConfig: { NetworkMode: network },
    })
    try {
      await stranger.start()
      await expect(backend.removeNetwork(target, soon())).rejects.toMatchObject({
        code: 'network-conflict',
        message: expect.stringContaining('Disconnect it'),
      })
      expect((await stranger.inspect()).State.Running).toBe(true)
    } finally {
      await stranger.remove({ force: true })
      await removeAll(backend, target)
    }
  })

  test('a gateway counts by its labels and its address, not by its name', async () => {
    const { docker, backend } = fixture
    const target = fixture.target()
    const names = objectNames(target.installation, target.agentId)
    const stand = async (labels: Record<string, string>, address: string) => {
      const gateway = await docker.createContainer({
        Image: target.image.reference,
        Cmd: ['/bin/sleep', '300'],
        Labels: labels,
        HostConfig: { NetworkMode: names.network },
        NetworkingConfig: { EndpointsConfig: { [names.network]: { IPAMConfig: { IPv4Address: address } } } },
      })
      await gateway.start()
      const { container } = await backend.observe(target, soon())
      await gateway.remove({ force: true })
      return (container as { gatewayAttached: boolean }).gatewayAttached
    }
    const ours = { [label.installation]: target.installation, [label.role]: 'gateway' }
    try {
      await deploy(backend, target)
      expect(await stand({ ...ours, [label.installation]: 'another' }, target.network.gateway)).toBe(false)
      expect(
        await stand(
          ours,
          target.network.gateway.replace(/\d+$/, (n) => String(Number(n) + 2)),
        ),
      ).toBe(false)
      expect(await stand(ours, target.network.gateway)).toBe(true)
    } finally {
      await removeAll(backend, target)
    }
  })
})

// The labels were written for one agent; the test makes another for each.
const swap = (labels: Record<string, string>, target: Target) =>
  labels[label.agent] === undefined || labels[label.agent] === 'another'
    ? labels
    : { ...labels, [label.agent]: target.agentId }
