import { execFileSync } from 'node:child_process'
import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { allFrames, ended, soon, textOf } from '../testing/agent.ts'
import { containerSpec } from './container-spec.ts'
import { createContainer } from './engine.ts'
import { ensureKeyFolder } from './key-files.ts'
import { objectNames, ownerLabels } from './names.ts'
import { type DockerFixture, dockerFixture } from './testing/docker-fixture.ts'

let fixture: DockerFixture
beforeAll(async () => {
  fixture = await dockerFixture()
})
afterAll(() => fixture?.close())

// An engine that leaves IPv6 on is made here by a network with IPv6: one on a link of its own, since a bridge with IPv6 would
// change how the whole host forwards.
test('where the engine itself gives IPv6 addresses, an agent has none, neither a link-local one nor loopback', async () => {
  const { docker, backend } = fixture
  const script = 'cat /proc/net/if_inet6; echo read'
  const { statePath: _, ...target } = fixture.target({ command: ['/bin/sh', '-c', script] })
  const { network: name } = objectNames(target.installation, target.agentId)
  const link = `nrt${target.agentId.slice(0, 8)}`
  const image = { id: target.image.reference, volumes: [], labels: {} }
  const keyFolder = await ensureKeyFolder(fixture.keysDir, target.agentId)
  const seenBy = async (bend: (body: Docker.ContainerCreateOptions) => void) => {
    const body = containerSpec(target, image, keyFolder)
    bend(body)
    const { id } = await createContainer(docker, body, soon())
    try {
      await docker.getContainer(id).start()
      await ended(backend, target)
      return textOf(await allFrames(backend, id))
    } finally {
      await docker.getContainer(id).remove({ force: true })
    }
  }
  execFileSync('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', `${link}p`])
  try {
    for (const end of [link, `${link}p`]) execFileSync('ip', ['link', 'set', end, 'up'])
    const network = await docker.createNetwork({
      ...{ Name: name, Driver: 'macvlan', Internal: true, EnableIPv6: true, Options: { parent: link } },
      IPAM: { Config: [{ Subnet: target.network.subnet }, { Subnet: 'fd00:6e6f:7261::/64' }] },
      Labels: ownerLabels(target, 'network'),
    })
    try {
      expect(await seenBy(() => undefined)).toBe('read\n')
      const without = await seenBy((body) => Object.assign(body.HostConfig ?? {}, { Sysctls: {} }))
      expect(without).toMatch(/^fd006e6f7261\w+ .* eth0$/m)
      expect(without).toMatch(/^fe80\w+ .* eth0$/m)
      expect(without).toMatch(/^0+1 .* lo$/m)
    } finally {
      await network.remove()
    }
  } finally {
    execFileSync('ip', ['link', 'del', link])
  }
})
