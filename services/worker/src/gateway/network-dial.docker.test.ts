import { randomBytes, randomUUID } from 'node:crypto'
import { capabilityPublicKey } from '@nora/crypto/capability'
import { freePool } from '@nora/testing/address-pool'
import { waitUntil } from '@nora/testing/wait-until'
import Docker from 'dockerode'
import { afterEach, expect, test } from 'vitest'
import { label } from '../backends/docker/names.ts'
import { dockerGateways } from '../dataplane/docker-gateways.ts'
import { assembleImage } from '../images/assemble.ts'
import { ownImages } from '../images/own-images.ts'
import { agentNetwork } from '../reconcile/addresses.ts'
import { controlNetworkSpec } from './gateway-spec.ts'

const docker = new Docker()
const signal = AbortSignal.timeout(900_000)
const installation = randomUUID()

afterEach(async () => {
  const filters = { label: [`${label.installation}=${installation}`] }
  for (const { Id } of await docker.listContainers({ all: true, filters })) {
    await docker.getContainer(Id).remove({ force: true, v: true })
  }
  for (const { Id } of await docker.listNetworks({ filters })) await docker.getNetwork(Id).remove()
})

/** What somebody in a container hears of a GET of /status there. */
async function heard(image: string, network: string, host: string, port: number): Promise<string> {
  const script = `const s = require('net').connect(${port}, '${host}')
    s.setTimeout(2000, () => s.destroy())
    s.on('connect', () => s.write('GET /status HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n'))
    s.on('data', (d) => { console.log('heard ' + String(d).split('\\r')[0]); process.exit() })
    s.on('error', () => {}).on('close', () => console.log('nothing'))`
  const asker = await docker.createContainer({
    Image: image,
    Entrypoint: ['/bin/node', '-e', script],
    Cmd: [],
    Tty: true,
    Labels: { [label.installation]: installation },
    HostConfig: { NetworkMode: network },
  })
  await asker.start()
  await asker.wait()
  return (await asker.logs({ stdout: true })).toString()
}

test('on the control network that somebody else made, gateways are dialled at their addresses and published nowhere', async () => {
  const pool = freePool()
  const made = controlNetworkSpec(installation, pool)
  await docker.createNetwork({ ...made, Labels: { ...made.Labels, 'com.docker.compose.project': 'p' } })
  const given = await assembleImage(docker, 'gateway', signal)
  const controlSeed = randomBytes(32)
  const engine = dockerGateways({
    ...{ docker, installation, pool, controlSeed, dial: 'network' },
    capabilityPublicKey: capabilityPublicKey(randomBytes(32)),
    image: ownImages(docker, { gateway: given.reference }),
  })
  const gateway = await engine.ensure(0, signal)
  expect(gateway).toMatchObject({
    controlUrl: `http://${gateway.controlAddress}:7081`,
    invokeUrl: `http://${gateway.controlAddress}:7082`,
  })
  expect(await engine.ensure(0, signal)).toMatchObject({ containerId: gateway.containerId })
  expect(await engine.status(gateway.controlUrl, signal)).toMatchObject({ revision: 0 })
  const found = await docker.getContainer(gateway.containerId).inspect()
  expect(found.Image).toBe(given.id)
  expect(Object.values(found.NetworkSettings.Ports).filter(Boolean)).toEqual([])

  // A neighbour on the control network is heard (and refused for want of a capability); an agent's network is not.
  await waitUntil('the neighbour to be heard', async () =>
    (await heard(given.id, String(made.Name), gateway.controlAddress, 7081)).includes('heard HTTP/1.1 401'),
  )
  const { subnet, bridge, gateway: place } = agentNetwork(pool, 2)
  const agentId = randomUUID()
  const name = `nora-${installation.slice(0, 8)}-net-${agentId}`
  await docker.createNetwork({
    Name: name,
    IPAM: { Driver: 'default', Config: [{ Subnet: subnet, Gateway: bridge }] },
    Labels: { [label.installation]: installation },
  })
  await engine.attach(gateway, { agentId, address: place }, signal)
  for (const [host, port] of [place, gateway.controlAddress].flatMap((at) => [
    [at, 7081] as const,
    [at, 7082] as const,
  ])) {
    // The engine lifts its isolation for a moment whenever it makes a network, as other tests do beside this one.
    await waitUntil(
      `nobody to be heard at ${host}:${port}`,
      async () => !(await heard(given.id, name, host, port)).includes('heard'),
    )
  }
})

test('an image that is named and not there is not built: the answer names the variable and what to do', async () => {
  const missing = `sha256:${randomBytes(32).toString('hex')}`
  const image = ownImages(docker, { gateway: missing })
  await expect(image('gateway', signal)).rejects.toMatchObject({
    code: 'image-not-found',
    message: expect.stringMatching(/NORA_IMAGE_GATEWAY.*not on this engine: run \.\/setup\.sh again/),
  })
  expect(await image('starter-agent', signal)).toEqual(await assembleImage(docker, 'starter-agent', signal))
})
