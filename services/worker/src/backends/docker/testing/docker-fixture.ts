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

/** The real engine with an installation of its own, a pool nobody uses, and folders that go with it. */
export async function dockerFixture(): Promise<DockerFixture> {
  const docker = new Docker({ socketPath: '/var/run/docker.sock' })
  const installation = randomUUID()
  const pool = freePool()
  const keysParent = await mkdtemp('/dev/shm/nora-test-')
  const dataDir = await mkdtemp(join(tmpdir(), 'nora-test-'))
  const keysDir = join(keysParent, 'keys')
  const { reference } = await assembleTinyImage(docker, { name: 'backend', cmd: ['/bin/sh'] })
  const quiet = { info: () => undefined, warn: () => undefined }
  const backend = dockerBackend({ docker, installation, pool, keysDir, dataDir, log: quiet })
  const made: Target[] = []
  // Another uid must be able to pass: one test runs the backend as such.
  for (const folder of [keysParent, dataDir]) await chmod(folder, 0o711)

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
    for (const folder of [keysParent, dataDir]) await rm(folder, { recursive: true, force: true })
  }

  return { docker, installation, pool, keysDir, dataDir, backend, target, close }
}
