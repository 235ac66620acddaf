import { randomUUID } from 'node:crypto'
import { freePool } from '@nora/testing/address-pool'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { attachGateway, ensureControlNetwork } from '../../gateway/keeper.ts'
import { soon } from '../testing/agent.ts'
import { dockerBackend } from './backend.ts'
import { label, objectNames } from './names.ts'
import { type DockerFixture, dockerFixture } from './testing/docker-fixture.ts'

// The engine may refuse the later of two creations of one network for its addresses, before it looks at its name.

let fixture: DockerFixture
beforeAll(async () => {
  fixture = await dockerFixture()
})
afterAll(() => fixture?.close())

test('one network is made by many workers at once, also of one that died in the middle: nobody gives up', async () => {
  const { docker, installation, pool, keysDir, dataDir } = fixture
  const log = { info: () => undefined, warn: () => undefined }
  const workers = Array.from({ length: 6 }, () =>
    dockerBackend({ docker, installation, pool, keysDir, dataDir, log }),
  )
  const target = fixture.target()
  for (let round = 0; round < 5; round++) {
    const outcomes = await Promise.allSettled(workers.map((one) => one.ensureNetwork(target, soon())))
    const refused = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
    for (const error of refused) expect(error).toMatchObject({ name: 'BackendError', retry: true })
    expect(refused.length).toBeLessThan(workers.length)
    await Promise.all(workers.map((one) => one.ensureNetwork(target, soon())))
    await workers[0]!.removeNetwork(target, soon())
  }
})

test('many workers at once make one control network; addresses that are in use are a conflict', async () => {
  const made = { installation: randomUUID(), pool: freePool() }
  const filters = { label: [`${label.installation}=${made.installation}`] }
  try {
    for (let round = 0; round < 5; round++) {
      await Promise.all([1, 2, 3, 4, 5, 6].map(() => ensureControlNetwork(fixture.docker, made, soon())))
      expect(await fixture.docker.listNetworks({ filters })).toHaveLength(1)
      if (round === 4) break
      for (const { Id } of await fixture.docker.listNetworks({ filters }))
        await fixture.docker.getNetwork(Id).remove()
    }
    const other = { ...made, installation: randomUUID() }
    await expect(ensureControlNetwork(fixture.docker, other, soon())).rejects.toMatchObject({
      code: 'network-conflict',
    })
  } finally {
    for (const { Id } of await fixture.docker.listNetworks({ filters }))
      await fixture.docker.getNetwork(Id).remove()
  }
})

test('a gateway that many attach at once is attached, and nobody is told that it failed', async () => {
  const { docker, backend, installation } = fixture
  const target = fixture.target()
  await backend.ensureNetwork(target, soon())
  const { network } = objectNames(installation, target.agentId)
  const gateway = await docker.createContainer({
    Image: target.image.reference,
    Cmd: ['/bin/sh', '-c', 'exec sleep 600'],
    Labels: { [label.installation]: installation },
  })
  await gateway.start()
  const attach = () =>
    attachGateway(docker, { containerId: gateway.id }, network, target.network.gateway, soon())
  for (let round = 0; round < 5; round++) {
    await Promise.all([1, 2, 3, 4, 5, 6].map(attach))
    const { Containers } = await docker.getNetwork(network).inspect()
    expect(Object.keys(Containers ?? {})).toEqual([gateway.id])
    await docker.getNetwork(network).disconnect({ Container: gateway.id })
  }
})
