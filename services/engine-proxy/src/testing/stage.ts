import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { freePool } from '@nora/testing/address-pool'
import { bridgeName } from '@nora/worker/backends/docker/names'
import { attachGateway, ensureGateway } from '@nora/worker/gateway/keeper'
import { assembleImage } from '@nora/worker/images/assemble'
import { assembleTinyImage } from '@nora/worker/images/tiny'
import Docker from 'dockerode'
import { label, namesOf } from '../policy/ours.ts'
import { ask, type Said } from './ask.ts'
import { agentCreation, type Body, sample } from './specs.ts'
import { engineSocket, throughProxy } from './through-proxy.ts'

/** An installation behind its proxy with a gateway and a running agent, and beside it a stranger with a secret. */
export async function stage() {
  const docker = new Docker({ socketPath: engineSocket })
  const installation = randomUUID()
  const folder = mkdtempSync('/dev/shm/nora-test-')
  const stranger = `nora-test-stranger-${randomUUID().slice(0, 8)}`
  const signal = AbortSignal.timeout(240_000)
  const tiny = await assembleTinyImage(docker, { name: 'calls', cmd: ['/bin/sleep', '600'] })
  const image = tiny.reference
  const facts = sample({ installation, pool: freePool(), keysDir: join(folder, 'keys'), image: tiny })
  const { target } = facts
  const names = namesOf(facts.ours, target.agentId)
  const gatewayImage = await assembleImage(docker, 'gateway', signal)
  const way = await throughProxy({ ...facts, gatewayImage: gatewayImage.reference })
  mkdirSync(join(facts.keysDir, target.agentId), { mode: 0o755 })
  const call = (method: string, path: string, body?: unknown): Promise<Said> =>
    ask(way.socketPath, method, path, body)
  const must = async (status: number, said: Promise<Said>) => {
    const { status: got, text } = await said
    if (got !== status) throw new Error(`${got}: ${text}`)
    return text
  }

  await docker.createVolume({ Name: stranger })
  await docker.createNetwork({ Name: stranger, Internal: true })
  const secret = {
    name: stranger,
    Image: image,
    Env: ['SECRET=of-a-stranger'],
    HostConfig: { NetworkMode: 'none' },
  }
  const strange = await docker.createContainer(secret)
  await strange.start()

  const labels = (role: string, agent = target.agentId) => ({
    ...{ [label.installation]: installation, [label.workspace]: target.workspaceId },
    ...{ [label.agent]: agent, [label.role]: role },
  })
  const { subnet, bridge } = target.network
  const network: Body = {
    ...{ Name: names.network, CheckDuplicate: true, Driver: 'bridge', Internal: false },
    ...{ Attachable: false, EnableIPv6: false, Labels: labels('network') },
    IPAM: { Driver: 'default', Config: [{ Subnet: subnet, Gateway: bridge }] },
    Options: {
      'com.docker.network.bridge.name': bridgeName(target, subnet),
      'com.docker.network.bridge.host_binding_ipv4': '127.0.0.1',
    },
  }
  const volume: Body = { Name: names.volume, Driver: 'local', Labels: labels('volume') }
  const through = new Docker({ socketPath: way.socketPath })
  const key = 'A'.repeat(43)
  const gateway = await ensureGateway(
    through,
    {
      ...{ installation, pool: facts.pool, image: gatewayImage, index: 0, dial: 'published' },
      ...{ capabilityPublicKey: key, controlPublicKey: key },
    },
    signal,
  )
  await must(201, call('POST', '/networks/create', network))
  await attachGateway(through, gateway, names.network, target.network.gateway, signal)
  await must(201, call('POST', '/volumes/create', volume))
  const agent = agentCreation({ ...target, command: ['/bin/sleep', '600'] }, facts.keysDir, facts.image)
  const made = await must(201, call('POST', `/v1.41/containers/create?name=${agent.name}`, agent.body))
  const agentId = (JSON.parse(made) as { Id: string }).Id
  await must(204, call('POST', `/containers/${agentId}/start`))

  async function close(): Promise<void> {
    const filters = { label: [`${label.installation}=${installation}`] }
    for (const { Id } of await docker.listContainers({ all: true, filters })) {
      await docker.getContainer(Id).remove({ force: true, v: true })
    }
    await strange.remove({ force: true })
    for (const { Id } of await docker.listNetworks({ filters })) await docker.getNetwork(Id).remove()
    await docker.getNetwork(stranger).remove()
    for (const one of (await docker.listVolumes({ filters })).Volumes)
      await docker.getVolume(one.Name).remove()
    await docker.getVolume(stranger).remove()
    await way.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return {
    ...{ docker, through, way, facts, names, image, folder, call, labels, network, volume, close },
    ...{ agentId, gatewayId: gateway.containerId, stranger, strangerId: strange.id },
  }
}
