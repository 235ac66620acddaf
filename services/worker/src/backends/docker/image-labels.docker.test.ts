import { afterAll, beforeAll, expect, test } from 'vitest'
import { assemble } from '../../images/build.ts'
import { deploy, removeAll, soon } from '../testing/agent.ts'
import { objectNames } from './names.ts'
import { type DockerFixture, dockerFixture } from './testing/docker-fixture.ts'

let fixture: DockerFixture
beforeAll(async () => {
  fixture = await dockerFixture()
})
afterAll(() => fixture?.close())

/** An agent whose image has these labels, made of the fixture's. */
async function agentOf(name: string, labels: string[]) {
  const { docker } = fixture
  const plain = fixture.target()
  const dockerfile = `FROM ${plain.image.reference}\nLABEL ${labels.join(' ')}\n`
  const image = await assemble(docker, { name, files: [], dockerfile }, soon())
  return { target: { ...plain, image: { reference: image.reference, pull: false } }, image }
}

test('an agent says nothing by the labels of its image, and runs the image that was looked at', async () => {
  const { docker, backend } = fixture
  const { target, image } = await agentOf('tiny-that-speaks-up', [
    'traefik.enable=true',
    'com.centurylinklabs.watchtower.enable=true',
    'com.nora.gateway=0',
    'com.nora.agent=another',
  ])
  const { containerId } = await deploy(backend, target)
  const found = await docker.getContainer(containerId).inspect()
  expect(found.Image).toBe(image.id)
  const { Labels } = found.Config
  const silent = [
    'traefik.enable',
    'com.centurylinklabs.watchtower.enable',
    'com.nora.gateway',
    'com.nora.content',
  ]
  expect(silent.map((name) => Labels[name])).toEqual(silent.map(() => ''))
  expect(Labels['com.nora.agent']).toBe(target.agentId)
  await removeAll(backend, target)
  await docker.getImage(image.reference).remove()
})

test('an image with more labels than can be silenced makes no container, and it is said why', async () => {
  const { docker, backend } = fixture
  const many = Array.from({ length: 201 }, (_, index) => `l${index}=x`)
  const { target, image } = await agentOf('tiny-that-says-much', many)
  await expect(deploy(backend, target)).rejects.toMatchObject({
    code: 'container-invalid',
    retry: false,
    message: expect.stringContaining('202 labels, of which 200 are taken at the most'),
  })
  const { container } = objectNames(target.installation, target.agentId)
  await expect(docker.getContainer(container).inspect()).rejects.toMatchObject({ statusCode: 404 })
  await removeAll(backend, target)
  await docker.getImage(image.reference).remove()
})
