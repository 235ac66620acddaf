import { randomUUID } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { addressIn, freePool } from '@nora/testing/address-pool'
import Docker from 'dockerode'
import { assembleTinyImage } from '../../../images/tiny.ts'
import type { Target } from '../../backend.ts'
import type { ContractFixture } from '../../backend-contract.ts'
import { dockerBackend } from '../backend.ts'
import { label } from '../names.ts'

export type DockerFixture = ContractFixture & {
  docker: Docker
  installation: string
  pool: string
  keysDir: string
  dataDir: string
}

/** Something between the backend and the engine, for one installation. */
export type Between = (facts: { installation: string; pool: string; keysDir: string }) => Promise<{
  socketPath: string
  close(): Promise<void>
}>

/**
 * The real engine with an installation of its own, a pool nobody uses, and folders that go with it. `docker` speaks to the
 * engine itself, the backend through what is `between`, when something is; it has no disks of its own then.
 */
export async function dockerFixture(between?: Between): Promise<DockerFixture> {
  const docker = new Docker({ socketPath: '/var/run/docker.sock' })
  const installation = randomUUID()
  const pool = freePool()
  const keysParent = await mkdtemp('/dev/shm/nora-test-')
  const folder = await mkdtemp(join(tmpdir(), 'nora-test-'))
  // Nothing can be made there, as for a worker that may not attach devices.
  const dataDir = between ? '/sys/nora-none' : folder
  const keysDir = join(keysParent, 'keys')
  const way = await between?.({ installation, pool, keysDir })
  const { reference } = await assembleTinyImage(docker, { name: 'backend', cmd: ['/bin/sh'] })
  const quiet = { info: () => undefined, warn: () => undefined }
  const through = way ? new Docker({ socketPath: way.socketPath }) : docker
  const backend = dockerBackend({ docker: through, installation, pool, keysDir, dataDir, log: quiet })
  const made: Target[] = []
  // Another uid must be able to pass: one test runs the backend as such.
  for (const made of [keysParent, folder]) await chmod(made, 0o711)

  function target(overrides: Partial<Target> = {}): Target {
    const first = 8 * (made.length + 2)
    const one: Target = {
      ...{ installation, workspaceId: randomUUID(), agentId: randomUUID(), generation: 1 },
      ...{ desired: 'running', keepData: false, image: { reference, pull: false } },
      ...{ command: ['/bin/sh', '-c', 'exit 0'], env: {}, user: '10001:10001', hostname: 'agent-under-test' },
      resources: { cpus: 1, memoryMb: 64, diskMb: 32, pids: 64 },
      ...{ sandboxProfile: 'standard', statePath: '/state', specHash: randomUUID() },
      network: {
        subnet: `${addressIn(pool, first)}/29`,
        bridge: addressIn(pool, first + 1),
        gateway: addressIn(pool, first + 2),
        agent: addressIn(pool, first + 3),
      },
      ...overrides,
    }
    made.push(one)
    return one
  }

  async function close(): Promise<void> {
    const signal = AbortSignal.timeout(100_000)
    const filters = { label: [`${label.installation}=${installation}`] }
    for (const one of await docker.listContainers({ all: true, filters })) {
      await docker.getContainer(one.Id).remove({ force: true, v: true })
    }
    for (const one of made) {
      await backend.removeNetwork(one, signal)
      await backend.removeStorage({ ...one, keepData: false }, signal)
    }
    await way?.close()
    for (const made of [keysParent, folder]) await rm(made, { recursive: true, force: true })
  }

  return { docker, installation, pool, keysDir, dataDir, backend, target, close }
}
