import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { starter } from '@nora/runtimes/starter'
import { waitUntil } from '@nora/testing/wait-until'
import Docker from 'dockerode'
import { afterEach, expect, test } from 'vitest'
import { assembleImage } from './assemble.ts'
import { assembleTinyImage } from './tiny.ts'

const docker = new Docker()
const signal = AbortSignal.timeout(900_000)
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

async function run(image: string, options: Docker.ContainerCreateOptions = {}): Promise<Docker.Container> {
  const container = await docker.createContainer({
    ...options,
    Image: image,
    Labels: { 'com.nora.test': 'images' },
    HostConfig: {
      Init: true,
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      NetworkMode: 'none',
      ...options.HostConfig,
    },
  })
  cleanups.push(() => container.remove({ force: true, v: true }))
  await container.start()
  return container
}

/** What it printed; the engine frames it as 8 bytes of header (the last four: length) before each piece. */
async function output(container: Docker.Container): Promise<string> {
  const raw = await container.logs({ stdout: true, stderr: true })
  let text = ''
  for (let at = 0; at + 8 <= raw.length; ) {
    const end = at + 8 + raw.readUInt32BE(at + 4)
    text += raw.toString('utf8', at + 8, end)
    at = end
  }
  return text
}

test('one content is one image, built once and named by what is in it', async () => {
  const [a, b] = await Promise.all([
    assembleImage(docker, 'gateway', signal),
    assembleImage(docker, 'gateway', signal),
  ])
  expect(a).toEqual(b)
  expect(a.reference).toMatch(/^nora\/gateway:[0-9a-f]{16}$/)
  const builder = new Docker()
  builder.buildImage = () => expect.unreachable('it is built again')
  expect(await assembleImage(builder, 'gateway', signal)).toEqual(a)
  const { Config } = await docker.getImage(a.reference).inspect()
  expect(Config.Labels['com.nora.content']).toContain(a.reference.split(':')[1])
  expect(Config.User).toBe('10001:10001')

  const one = { name: 'test-one', files: { '/etc/word': 'one' }, cmd: ['/bin/cat', '/etc/word'] }
  const first = await assembleTinyImage(docker, one, signal)
  const other = await assembleTinyImage(docker, { ...one, files: { '/etc/word': 'two' } }, signal)
  cleanups.push(
    () => docker.getImage(first.id).remove(),
    () => docker.getImage(other.id).remove(),
  )
  expect(await assembleTinyImage(docker, one, signal)).toEqual(first)
  expect(other.reference).not.toBe(first.reference)
  const container = await run(other.reference)
  await container.wait()
  expect(await output(container)).toBe('two')
})

test('the gateway refuses to start without its settings, naming each', async () => {
  const { reference } = await assembleImage(docker, 'gateway', signal)
  const container = await run(reference)
  expect((await container.wait()).StatusCode).toBe(78)
  expect((await output(container)).match(/GATEWAY_[A-Z_]+/g)).toHaveLength(4)
})

test('the starter agent runs in the posture, takes new keys on a signal, prints none and stops at once', async () => {
  const { reference } = await assembleImage(docker, 'starter-agent', signal)
  const folder = mkdtempSync(join(tmpdir(), 'keys-'))
  chmodSync(folder, 0o755)
  cleanups.push(() => rmSync(folder, { recursive: true }))
  const spec = {
    id: '22222222-2222-4222-8222-222222222222',
    name: 'one',
    runtime: 'starter',
    image: null,
    command: [],
    port: null,
    env: {},
    config: {},
    resources: starter.defaults,
    providerKeyIds: [],
  }
  const deliver = (apiKey: string, version: number) => {
    const key = {
      id: 'k1',
      kind: 'llm' as const,
      permission: null,
      provider: 'openai',
      label: 'l',
      baseUrl: null,
      fields: { apiKey: Buffer.from(apiKey) },
    }
    for (const { name, content } of starter.secrets(spec, [key], version)) {
      writeFileSync(join(folder, `${name}.new`), content, { mode: 0o444 })
      renameSync(join(folder, `${name}.new`), join(folder, name))
    }
  }
  deliver('canary-first', 1)
  const { command, env, user } = starter.process(spec)
  const container = await run(reference, {
    Entrypoint: command,
    Cmd: [],
    User: user,
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    HostConfig: {
      Binds: [`${folder}:/run/nora:ro`],
      Memory: starter.minimum.memoryMb * 1024 * 1024,
      PidsLimit: starter.minimum.pids,
    },
  })
  await waitUntil('the first keys', async () => /"count":1,"version":1/.test(await output(container)))
  await waitUntil('the listener', async () => (await output(container)).includes('"listening"'))
  deliver('canary-second', 2)
  await container.kill({ signal: 'SIGHUP' })
  await waitUntil('the second keys', async () => /"count":1,"version":2/.test(await output(container)))
  expect((await output(container)) + JSON.stringify(await container.inspect())).not.toContain('canary')
  // With an open turn it may take seconds; without one it must not come to the kill.
  await container.stop({ t: 10 })
  expect((await container.inspect()).State.ExitCode).toBe(0)
})
