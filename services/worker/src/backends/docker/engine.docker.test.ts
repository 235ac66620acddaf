import { stat } from 'node:fs/promises'
import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BackendError } from '../backend.ts'
import { container, deploy, ended, removeAll, runScript, soon } from '../testing/agent.ts'
import { dockerBackend } from './backend.ts'
import { objectNames } from './names.ts'
import { type DockerFixture, dockerFixture } from './testing/docker-fixture.ts'

const sh = (script: string) => ({ command: ['/bin/sh', '-c', script] })
const waiting = 'trap "exit 0" TERM; while :; do sleep 0.1; done'

describe('the Docker Engine', () => {
  let fixture: DockerFixture
  beforeAll(async () => {
    fixture = await dockerFixture()
  })
  afterAll(() => fixture?.close())

  test('inspect shows the posture, no host port, no device, and no secret', async () => {
    const { docker, backend, keysDir } = fixture
    const target = fixture.target(sh(waiting))
    const canary = 'canary-7d0c1f2e'
    try {
      await deploy(backend, target, [{ name: 'keys.json', content: Buffer.from(canary) }])
      const names = objectNames(target.installation, target.agentId)
      const inspected = await docker.getContainer(names.container).inspect()
      expect(JSON.stringify(inspected)).not.toContain(canary)
      expect(inspected.Config.Env.filter((entry) => !entry.startsWith('PATH='))).toEqual([])
      expect(inspected.HostConfig).toMatchObject({
        ...{ Privileged: false, ReadonlyRootfs: true, Init: true, PublishAllPorts: false },
        ...{ CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges:true'], Binds: null },
        ...{ Memory: 64 * 2 ** 20, MemorySwap: 64 * 2 ** 20, NanoCpus: 1e9, PidsLimit: 64 },
        ...{ IpcMode: 'private', CgroupnsMode: 'private', PidMode: '', UTSMode: '', UsernsMode: '' },
        RestartPolicy: { Name: 'no' },
        LogConfig: { Type: 'json-file', Config: { 'max-size': '32m', 'max-file': '2' } },
      })
      expect(inspected.HostConfig.Devices ?? []).toEqual([])
      expect(inspected.HostConfig.PortBindings ?? {}).toEqual({})
      expect(inspected.Mounts.map((mount) => [mount.Destination, mount.Type, mount.RW]).sort()).toEqual([
        ['/run/nora', 'bind', false],
        ['/state', 'volume', true],
      ])
      expect(Object.keys(inspected.NetworkSettings.Networks)).toEqual([names.network])
      expect(inspected.NetworkSettings.Networks[names.network]?.IPAddress).toBe(target.network.agent)
      const { mode } = await stat(keysDir)
      expect(mode & 0o777).toBe(0o700)
    } finally {
      await removeAll(backend, target)
    }
  })

  test('a volume that the image declares is memory, not an anonymous volume on the disk', async () => {
    const { docker, backend } = fixture
    const tagged = `nora/test-volume:${fixture.installation.slice(0, 8)}`
    const made = await docker.createContainer({ Image: fixture.target().image.reference })
    await made.commit({ repo: 'nora/test-volume', tag: tagged.split(':')[1], changes: 'VOLUME /cache' })
    await made.remove()
    const target = fixture.target({
      ...sh('dd if=/dev/zero of=/cache/x bs=1M count=40 2>/dev/null; stat -c %s /cache/x; cat /proc/mounts'),
      image: { reference: tagged, pull: false },
    })
    try {
      const { containerId } = await deploy(backend, target)
      await ended(backend, target)
      const mounts = (await docker.getContainer(containerId).inspect()).Mounts.map((one) => one.Destination)
      expect(mounts.sort()).toEqual(['/run/nora', '/state'])
      const output = (await backend.lastWords(containerId, soon())).join('\n')
      expect(output).toMatch(/ \/cache tmpfs rw,nosuid,nodev,noexec/)
    } finally {
      await removeAll(backend, target)
      await docker.getImage(tagged).remove()
    }
  })

  test('an overlapping network is named with the setting that moves the pool', async () => {
    const { docker, backend, pool } = fixture
    const target = fixture.target()
    const other = await docker.createNetwork({
      Name: `nora-test-overlap-${fixture.installation.slice(0, 8)}`,
      IPAM: { Driver: 'default', Config: [{ Subnet: pool }] },
    })
    try {
      await expect(backend.ensureNetwork(target, soon())).rejects.toMatchObject({
        code: 'network-conflict',
        retry: false,
        message: expect.stringMatching(/nora-test-overlap-.*NORA_AGENT_NETWORK_POOL \(now 10\./),
      })
    } finally {
      await other.remove()
    }
    await backend.ensureNetwork(target, soon())
    await backend.removeNetwork(target, soon())
  })

  test('a network whose creation was cut off does not outlive its removal', async () => {
    const { docker, backend } = fixture
    for (let ms = 0; ms < 12; ms += 2) {
      const target = fixture.target()
      const cut = new AbortController()
      const creation = backend.ensureNetwork(target, cut.signal)
      await new Promise((resolve) => setTimeout(resolve, ms))
      cut.abort(new Error('cancelled'))
      await creation.catch(() => undefined)
      expect((await backend.observe(target, soon())).network).toBe('present')
      await backend.removeNetwork(target, soon())
      const name = objectNames(target.installation, target.agentId).network
      expect(await docker.listNetworks({ filters: { name: [name] } })).toEqual([])
    }
  })

  test('addresses that a left-over network of ours holds are taken back', async () => {
    const { docker, backend } = fixture
    const [target, gone] = [fixture.target(), fixture.target()]
    await backend.ensureNetwork({ ...gone, network: target.network }, soon())
    await expect(backend.ensureNetwork(target, soon())).rejects.toMatchObject({
      code: 'network-conflict',
      retry: true,
      message: expect.stringMatching(/of an agent that is gone/),
    })
    const name = objectNames(gone.installation, gone.agentId).network
    expect(await docker.listNetworks({ filters: { name: [name] } })).toEqual([])
    await backend.ensureNetwork(target, soon())
    await backend.removeNetwork(target, soon())
  })

  test('a network with other addresses is wrong, and is made again', async () => {
    const { backend } = fixture
    const [target, neighbour] = [fixture.target(sh(waiting)), fixture.target()]
    try {
      await backend.ensureNetwork({ ...target, network: neighbour.network }, soon())
      expect((await backend.observe(target, soon())).network).toBe('wrong')
      await expect(backend.ensureNetwork(target, soon())).rejects.toMatchObject({ retry: true })
      await backend.removeNetwork(target, soon())
      await deploy(backend, target)
      expect(await container(backend, target)).toMatchObject({ ip: target.network.agent })
    } finally {
      await removeAll(backend, target)
    }
  })

  test('a container that is down and lost its network is dead, also when one of that name came back', async () => {
    const { backend } = fixture
    const target = fixture.target(sh(waiting))
    try {
      await deploy(backend, target)
      await backend.stop(target, soon())
      await backend.removeNetwork(target, soon())
      expect(await backend.observe(target, soon())).toMatchObject({
        network: 'absent',
        container: { status: 'dead' },
      })
      await backend.ensureNetwork(target, soon())
      expect(await container(backend, target)).toMatchObject({ status: 'dead' })
      await expect(backend.start(target, soon())).rejects.toMatchObject({ code: 'not-found' })
      await backend.removeContainer(target, soon())
      await deploy(backend, target)
      expect(await container(backend, target)).toMatchObject({ status: 'running', ip: target.network.agent })
    } finally {
      await removeAll(backend, target)
    }
  })

  test('a paused container is observed, and stops', async () => {
    const { docker, backend } = fixture
    const target = fixture.target(sh(waiting))
    try {
      const { containerId } = await deploy(backend, target)
      await docker.getContainer(containerId).pause()
      expect(await container(backend, target)).toMatchObject({ status: 'paused' })
      await backend.stop(target, soon())
      expect(await container(backend, target)).toMatchObject({ status: 'exited' })
    } finally {
      await removeAll(backend, target)
    }
  })

  test('two at once make one container', async () => {
    const { backend } = fixture
    const target = fixture.target(sh(waiting))
    try {
      await backend.ensureNetwork(target, soon())
      await backend.ensureStorage(target, soon())
      const made = await Promise.all([1, 2, 3, 4].map(() => backend.ensureContainer(target, soon())))
      expect(new Set(made.map((one) => one.containerId)).size).toBe(1)
    } finally {
      await removeAll(backend, target)
    }
  })

  test('an image that is nowhere, a registry that is not there, an image of ours that was not built', async () => {
    const { backend } = fixture
    const said: string[] = []
    const ensure = (reference: string, pull: boolean) =>
      backend.ensureImage({ ...fixture.target(), image: { reference, pull } }, soon(), (text) =>
        said.push(text),
      )
    await expect(ensure('nora/never-built:1', false)).rejects.toMatchObject({
      ...{ code: 'image-not-found', retry: false },
      message: expect.stringContaining('nora/never-built:1'),
    })
    // Port 1 of the loopback: nobody listens, and nothing leaves the machine.
    await expect(ensure('127.0.0.1:1/some/image:1', true)).rejects.toMatchObject({
      ...{ code: 'image-pull-failed', retry: true },
      message: expect.stringMatching(/registry of 127\.0\.0\.1:1\/some\/image:1 does not answer.*refused/),
    })
    // No registry is asked for a name of ours, however it is written: what it has would be a stranger's.
    for (const name of [
      'nora/a:1',
      'docker.io/nora/a:1',
      'index.docker.io/nora/a',
      'nora-app:1',
      'library/nora-app:1',
    ])
      await expect(ensure(name, true)).rejects.toMatchObject({ code: 'image-not-found', retry: false })
    expect(said).toEqual(['pulling 127.0.0.1:1/some/image:1'])
  })

  test('an engine that is not there is unavailable, in every verb that asks it', async () => {
    const { installation, pool, keysDir, dataDir } = fixture
    const docker = new Docker({ socketPath: '/nonexistent/docker.sock' })
    const log = { info: () => undefined, warn: () => undefined }
    const backend = dockerBackend({ docker, installation, pool, keysDir, dataDir, log })
    const target = fixture.target()
    const gone = { code: 'engine-unavailable', retry: true, message: expect.stringContaining('socket') }
    const next = (frames: AsyncIterable<unknown>) => frames[Symbol.asyncIterator]().next()
    for (const asked of [
      () => backend.observe(target, soon()),
      () => backend.ensureImage(target, soon(), () => undefined),
      () => backend.ensureContainer(target, soon()),
      () => backend.stop(target, soon()),
      () => backend.list(soon()),
      () => next(backend.logs('x', undefined, soon())),
      () => next(backend.events(soon())),
      () => backend.lastWords('x', soon()),
    ]) {
      const error = await asked().catch((one: unknown) => one)
      expect(error).toBeInstanceOf(BackendError)
      expect(error).toMatchObject(gone)
    }
  })

  test('memory far too small is refused in words', async () => {
    const resources = { cpus: 1, memoryMb: 1, diskMb: 32, pids: 32 }
    await expect(runScript(fixture, 'id', { resources })).rejects.toMatchObject({
      code: 'resources-refused',
    })
  })
})
