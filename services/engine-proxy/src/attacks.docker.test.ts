import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { freePool } from '@nora/testing/address-pool'
import { controlNetworkSpec } from '@nora/worker/gateway/gateway-spec'
import { assemble } from '@nora/worker/images/build'
import { assembleTinyImage } from '@nora/worker/images/tiny'
import Docker from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { label } from './policy/ours.ts'
import { ask } from './testing/ask.ts'
import { type Around, escapes } from './testing/bodies.ts'
import { agentCreation, gatewayCreation, sample } from './testing/specs.ts'
import { engineSocket, throughProxy, type Way } from './testing/through-proxy.ts'

const docker = new Docker({ socketPath: engineSocket })
const installation = randomUUID()
const folder = mkdtempSync('/dev/shm/nora-test-')
const foreign = `nora-test-stranger-${randomUUID().slice(0, 8)}`
let way: Way
let facts: ReturnType<typeof sample>
let around: Around

beforeAll(async () => {
  const { reference } = await assembleTinyImage(docker, { name: 'attacks', cmd: ['/bin/sleep', '600'] })
  facts = sample({ installation, pool: freePool(), keysDir: join(folder, 'keys'), image: reference })
  way = await throughProxy(facts)
  const { target, ours, keysDir } = facts
  mkdirSync(join(keysDir, target.agentId))
  around = {
    foreign,
    keysDir,
    otherAgent: randomUUID(),
    control: `${ours.prefix}-00-control`,
    image: reference,
  }
  mkdirSync(join(keysDir, around.otherAgent))
  await docker.createVolume({ Name: foreign })
  await docker.createNetwork({ Name: foreign, Internal: true })
  await docker.createNetwork(controlNetworkSpec(installation, facts.pool))
  const stranger = {
    name: foreign,
    Image: reference,
    Env: ['SECRET=of-a-stranger'],
    HostConfig: { NetworkMode: 'none' },
  }
  await (await docker.createContainer(stranger)).start()
}, 120_000)

afterAll(async () => {
  const filters = { label: [`${label.installation}=${installation}`] }
  for (const { Id } of await docker.listContainers({ all: true, filters })) {
    await docker.getContainer(Id).remove({ force: true, v: true })
  }
  await docker.getContainer(foreign).remove({ force: true })
  for (const { Id } of await docker.listNetworks({ filters })) await docker.getNetwork(Id).remove()
  await docker.getNetwork(foreign).remove()
  for (const one of (await docker.listVolumes({ filters })).Volumes) await docker.getVolume(one.Name).remove()
  await docker.getVolume(foreign).remove()
  await way?.close()
  rmSync(folder, { recursive: true, force: true })
})

const create = (socket: string, name: string, body: unknown) =>
  ask(socket, 'POST', `/containers/create?name=${name}`, body)

test('every way out of an agent’s posture is refused, most of which the engine would have taken', async () => {
  const { target, keysDir } = facts
  const own = agentCreation(target, keysDir)
  const allowed: string[] = []
  const taken: string[] = []
  for (const [what, bend] of Object.entries(escapes)) {
    const { name, body } = agentCreation(target, keysDir)
    bend(body, around)
    const said = await create(way.socketPath, name, body)
    if (said.status !== 403 || said.message === '') allowed.push(`${what}: ${said.status} ${said.message}`)
    const made = await create(engineSocket, `${foreign}-try`, body)
    if (made.status !== 201) continue
    taken.push(what)
    await docker.getContainer(`${foreign}-try`).remove({ force: true, v: true })
  }
  expect(allowed).toEqual([])
  expect(Object.keys(escapes).length).toBeGreaterThan(90)
  expect(taken.length).toBeGreaterThan(70)
  expect(taken).toEqual(
    expect.arrayContaining([
      'privileged',
      'privileged in another case',
      'the root of the host',
      'a second HostConfig in another case',
    ]),
  )
  expect(await docker.listContainers({ all: true, filters: { name: [own.name] } })).toEqual([])
  expect(way.proxy.counts().refused).toBeGreaterThan(90)
}, 170_000)

test('the last of two fields is what is judged and what the engine gets', async () => {
  const { target, keysDir, ours } = facts
  await docker.createNetwork({
    Name: `${ours.prefix}-net-${target.agentId}`,
    Labels: { [label.installation]: installation, [label.role]: 'network' },
  })
  const { name, body } = agentCreation(target, keysDir)
  const { HostConfig, ...rest } = body
  const twice = (first: object, last: object) =>
    `{"HostConfig":${JSON.stringify(first)},"HostConfig":${JSON.stringify(last)},${JSON.stringify(rest).slice(1)}`
  const bad = { ...HostConfig, Privileged: true }
  expect(await create(way.socketPath, name, twice(HostConfig, bad))).toMatchObject({
    status: 403,
    message: 'HostConfig.Privileged must be false',
  })
  expect((await create(way.socketPath, name, twice(bad, HostConfig))).status).toBe(201)
  const made = await docker.getContainer(name).inspect()
  expect(made.HostConfig.Privileged).toBe(false)
})

test('an image that says it is a part of the stack makes no agent one', async () => {
  const dockerfile = `FROM ${around.image}\nLABEL com.docker.compose.project=${foreign} com.docker.compose.service=worker\n`
  const recipe = { name: 'tiny-of-the-stack', files: [], dockerfile }
  const { reference } = await assemble(docker, recipe, AbortSignal.timeout(60_000))
  const target = { ...facts.target, agentId: around.otherAgent, image: { reference, pull: false } }
  await docker.createNetwork({
    Name: `${facts.ours.prefix}-net-${target.agentId}`,
    Labels: { [label.installation]: installation, [label.role]: 'network' },
  })
  const { name, body } = agentCreation(target, facts.keysDir)
  expect((await create(way.socketPath, name, body)).status).toBe(201)
  const ofStack = { label: [`com.docker.compose.project=${foreign}`] }
  expect(await docker.listContainers({ all: true, filters: ofStack })).toEqual([])
  expect((await docker.getContainer(name).inspect()).Config.Labels['com.docker.compose.service']).toBe(
    'worker',
  )
  await docker.getContainer(name).remove({ force: true })
  await docker.getImage(reference).remove()
})

test('a gateway is a gateway: what an agent may be it may not, and the other way about', async () => {
  const agent = agentCreation(facts.target, facts.keysDir)
  const gateway = gatewayCreation(facts)
  const asGateway = { ...agent.body, Labels: { ...agent.body.Labels, [label.role]: 'gateway' } }
  for (const [name, body] of [
    [gateway.name, agent.body],
    [gateway.name, asGateway],
    [agent.name, gateway.body],
    [`${facts.ours.prefix}-gateway-11`, gateway.body],
    [gateway.name, { ...gateway.body, Env: [...gateway.body.Env, 'NODE_OPTIONS=--inspect'] }],
    [gateway.name, { ...gateway.body, Entrypoint: ['/bin/sh'] }],
    ['', agent.body],
    ['x', agent.body],
  ] as const) {
    expect(await create(way.socketPath, name, body)).toMatchObject({ status: 403 })
  }
})
