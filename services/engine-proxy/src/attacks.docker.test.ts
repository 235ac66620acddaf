import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { freePool } from '@nora/testing/address-pool'
import { silencedLabels } from '@nora/worker/backends/docker/image-labels'
import { ownerLabels } from '@nora/worker/backends/docker/names'
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
  const image = await assembleTinyImage(docker, { name: 'attacks', cmd: ['/bin/sleep', '600'] })
  const { reference } = image
  facts = sample({ installation, pool: freePool(), keysDir: join(folder, 'keys'), image })
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
}, 240_000)

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
  const { target, keysDir, image } = facts
  const own = agentCreation(target, keysDir, image)
  const allowed: string[] = []
  const taken: string[] = []
  for (const [what, bend] of Object.entries(escapes)) {
    const { name, body } = agentCreation(target, keysDir, image)
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
}, 400_000)

test('the last of two fields is what is judged and what the engine gets', async () => {
  const { target, keysDir, ours, image } = facts
  await docker.createNetwork({
    Name: `${ours.prefix}-net-${target.agentId}`,
    Labels: { [label.installation]: installation, [label.role]: 'network' },
  })
  const { name, body } = agentCreation(target, keysDir, image)
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

test('an image speaks to nothing beside us by its labels: neither as a part of the stack nor to what acts on labels', async () => {
  const says = {
    'com.docker.compose.project': foreign,
    'com.docker.compose.service': 'worker',
    'traefik.enable': 'true',
  }
  const line = Object.entries({ ...says, 'ofelia.job-local.x.command': 'id' }).map(
    ([name, value]) => `${name}=${value}`,
  )
  const recipe = {
    name: 'tiny-that-speaks',
    files: [],
    dockerfile: `FROM ${around.image}\nLABEL ${line.join(' ')}\n`,
  }
  const { reference, id } = await assemble(docker, recipe, AbortSignal.timeout(170_000))
  const { Labels: labels } = (await docker.getImage(id).inspect()).Config
  const target = { ...facts.target, agentId: around.otherAgent, image: { reference, pull: false } }
  await docker.createNetwork({
    Name: `${facts.ours.prefix}-net-${target.agentId}`,
    Labels: { [label.installation]: installation, [label.role]: 'network' },
  })
  const named = (among: Record<string, string>) => ({
    label: Object.entries(among).map((one) => one.join('=')),
  })
  const { name, body } = agentCreation(target, facts.keysDir, { id, labels })
  const handOver = {
    ...{ Image: id, Entrypoint: ['/nothing-runs-here'], Cmd: [], User: '65534:65534' },
    Labels: { ...silencedLabels(labels), ...ownerLabels(target, 'hand-over') },
    HostConfig: {
      ...{ NetworkMode: 'none', CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges:true'] },
      Mounts: [
        { Type: 'bind', Source: join(facts.keysDir, target.agentId), Target: '/keys', ReadOnly: false },
      ],
    },
  }
  for (const [one, sent] of [
    [name, body],
    [name.replace('-agent-', '-hand-over-'), handOver],
  ] as const) {
    for (const left of Object.keys(labels)) {
      const { [left]: _, ...Labels } = sent.Labels
      expect(await create(way.socketPath, one, { ...sent, Labels })).toMatchObject({
        status: 403,
        message: `Labels.${left} must be there and empty, since the image has it`,
      })
    }
    expect((await create(way.socketPath, one, sent)).status).toBe(201)
    expect(await docker.listContainers({ all: true, filters: named(says) })).toEqual([])
    const made = (await docker.getContainer(one).inspect()).Config.Labels
    const speaking = Object.keys(made).filter((each) => made[each] !== '')
    expect(speaking.filter((each) => !each.startsWith('com.nora.'))).toEqual([])
    expect(made['com.nora.content']).toBe('')
    await docker.getContainer(one).remove({ force: true })
  }
  // As the engine has it by itself.
  const plain = await docker.createContainer({ Image: id })
  expect(await docker.listContainers({ all: true, filters: named(says) })).toHaveLength(1)
  await plain.remove()
  await docker.getImage(reference).remove()
})

test('a gateway is a gateway: what an agent may be it may not, and the other way about', async () => {
  const agent = agentCreation(facts.target, facts.keysDir, facts.image)
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
