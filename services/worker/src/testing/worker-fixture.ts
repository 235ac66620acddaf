import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { capabilityPublicKey } from '@nora/crypto/capability'
import { deriveKey } from '@nora/crypto/keys'
import type { AgentState, OperationKind } from '@nora/db/schema'
import { createLogger } from '@nora/log/logger'
import { freePool } from '@nora/testing/address-pool'
import { detachDisks } from '@nora/testing/loop-disks'
import { type Person, person } from '@nora/testing/people'
import { type TestDatabase, testDatabase } from '@nora/testing/postgres'
import { waitUntil } from '@nora/testing/wait-until'
import Docker from 'dockerode'
import { afterAll, beforeAll } from 'vitest'
import { dockerBackend } from '../backends/docker/backend.ts'
import { dockerGateways } from '../dataplane/docker-gateways.ts'
import { type KeptGateways, keepGateways } from '../dataplane/keep-gateways.ts'
import { ownImages } from '../images/own-images.ts'
import { assembleTinyImage } from '../images/tiny.ts'
import { turnstiles } from '../operations/limits.ts'
import { localImages } from '../operations/local-images.ts'
import type { RunDeps } from '../operations/run.ts'

export type AgentLook = { state: AgentState; state_reason: string; container_id: string | null } & Record<
  string,
  unknown
>

export type WorkerFixture = {
  database: TestDatabase
  docker: Docker
  /** Signed in; owns every agent of this file. */
  owner: Person
  installation: string
  pool: string
  keysDir: string
  dataDir: string
  image: string
  folder: string
  encryptionKey: Buffer
  capabilityPublicKey: Buffer
  /** What a worker of this installation runs operations with. */
  deps(workerId: string, over?: Partial<RunDeps>): RunDeps
  tinyImage(name: string, cmd: string[]): Promise<string>
  insertAgent(over?: Record<string, unknown>): Promise<string>
  insertOperation(agentId: string, kind: OperationKind, over?: Record<string, unknown>): Promise<string>
  /** As the api does it, all at once: cancels what is open, writes what should be, and queues behind. */
  queueBehind(agentId: string, kind: 'stop' | 'delete'): Promise<string>
  /** As the api does it for an operation that a worker has: asks, and writes what holds instead. */
  cancel(operationId: string, desired: 'running' | 'stopped'): Promise<void>
  setAgent(agentId: string, values: Record<string, unknown>): Promise<void>
  agent(agentId: string): Promise<AgentLook>
  operation(id: string): Promise<Record<string, unknown> & { status: string; reason: string }>
  untilOperation(id: string, status: string, deadlineMs?: number): Promise<void>
  containersOf(agentId: string): Promise<Docker.ContainerInfo[]>
  /** Names of everything on the engine and in the key folder that names the agent. */
  tracesOf(agentId: string): Promise<string[]>
}

/** A database, an installation id, an address pool and folders of this file's own on the real engine; all of it is removed. */
export function workerFixture(): WorkerFixture {
  const it = { database: testDatabase(), docker: new Docker() } as WorkerFixture
  beforeAll(async () => {
    it.installation = randomUUID()
    it.pool = freePool()
    it.encryptionKey = randomBytes(32)
    it.capabilityPublicKey = capabilityPublicKey(randomBytes(32))
    it.folder = await mkdtemp(join(tmpdir(), 'nora-worker-test-'))
    it.dataDir = join(it.folder, 'data')
    it.keysDir = `/dev/shm/nora-test-${it.installation.slice(0, 8)}`
    it.owner = await person(it.database, 'owner')
    it.image = await it.tinyImage('sleeper', ['/bin/sh', '-c', 'echo up; exec sleep 3600'])
  }, 180_000)
  afterAll(async () => {
    if (it.installation) await removeObjects(it.docker, it.installation)
    if (it.keysDir) await rm(it.keysDir, { recursive: true, force: true })
    if (it.folder) {
      await detachDisks(it.folder)
      await rm(it.folder, { recursive: true, force: true })
    }
  }, 120_000)

  it.tinyImage = async (name, cmd) => (await assembleTinyImage(it.docker, { name, cmd })).reference
  it.deps = (workerId, over = {}) => runDeps(it, workerId, over)
  Object.assign(it, rows(it))
  it.containersOf = (agentId) =>
    it.docker.listContainers({
      all: true,
      filters: { label: [`com.nora.agent=${agentId}`, 'com.nora.role=agent'] },
    })
  it.tracesOf = async (agentId) => {
    const filters = { label: [`com.nora.agent=${agentId}`] }
    const [containers, networks, volumes, keys] = await Promise.all([
      it.docker.listContainers({ all: true, filters }),
      it.docker.listNetworks({ filters }),
      it.docker.listVolumes({ filters }),
      readdir(it.keysDir).catch(() => []),
    ])
    return [
      ...containers.map((one) => `container ${one.Names[0]}`),
      ...networks.map((one) => `network ${one.Name}`),
      ...(volumes.Volumes ?? []).map((one) => `volume ${one.Name}`),
      ...keys.filter((name) => name === agentId).map((name) => `keys ${name}`),
    ]
  }
  return it
}

/** Leases that no machine that stands still for a while makes a worker lose: for tests of what it does with one. */
export const patientClocks = { heartbeatMs: 2_000, abortMs: 60_000, leaseMs: 90_000 }

function runDeps(it: WorkerFixture, workerId: string, over: Partial<RunDeps>): RunDeps {
  const log = createLogger({ service: workerId, level: 'silent' })
  const { docker, installation, keysDir, dataDir, pool } = it
  const backend = dockerBackend({ docker, installation, pool, keysDir, dataDir, log })
  return {
    db: it.database.worker,
    log,
    workerId,
    installation,
    pool,
    backend,
    images: localImages(ownImages(docker)),
    dataplane: gateways(it, workerId),
    keys: {
      deliver: async (_, target, signal) => {
        await backend.writeSecrets(target, [], signal)
        return {}
      },
      remove: (target, signal) => backend.removeSecrets(target, signal),
      test: unused,
      scrub: async (_actor, _agentId, lines) => lines,
    },
    logs: { poke: () => undefined, settle: async () => undefined },
    changed: () => undefined,
    turnstiles: turnstiles({ creates: 2, others: 8 }),
    startsHeld: () => undefined,
    clocks: patientClocks,
    ...over,
  }
}

/** The gateways of this installation as one worker keeps them. */
export function gateways(it: WorkerFixture, workerId: string): KeptGateways {
  const { docker, installation, pool, capabilityPublicKey } = it
  const controlSeed = deriveKey(it.encryptionKey, 'gateway-control')
  return keepGateways({
    db: it.database.worker,
    log: createLogger({ service: workerId, level: 'silent' }),
    workerId,
    pool,
    engine: dockerGateways({
      ...{ docker, installation, pool, capabilityPublicKey, controlSeed },
      image: ownImages(docker),
      dial: 'published',
    }),
  })
}

async function unused(): Promise<never> {
  throw new Error('this test has no use for it')
}

function rows(it: WorkerFixture) {
  const insert = async (table: string, row: Record<string, unknown>): Promise<string> => {
    const names = Object.keys(row)
    const marks = names.map((_, index) => `$${index + 1}`).join(', ')
    const text = `insert into nora.${table} (${names.join(', ')}) values (${marks}) returning id`
    const [inserted] = await it.database.asSuperuser<{ id: string }>(text, Object.values(row))
    return inserted!.id
  }
  const set = async (table: string, id: string, values: Record<string, unknown>) => {
    const names = Object.keys(values)
    const marks = names.map((name, index) => `${name} = $${index + 2}`).join(', ')
    await it.database.asSuperuser(`update nora.${table} set ${marks} where id = $1`, [
      id,
      ...Object.values(values),
    ])
  }
  const row = async (table: string, id: string) =>
    (await it.database.asSuperuser(`select * from nora.${table} where id = $1`, [id]))[0]
  const operation = (id: string) => row('operations', id) as ReturnType<WorkerFixture['operation']>
  return {
    insertAgent: (over: Record<string, unknown> = {}) =>
      insert('agents', {
        workspace_id: it.owner.workspaceId,
        owner_id: it.owner.userId,
        name: 'agent',
        runtime: 'image',
        image: it.image,
        config: { statePath: '/data' },
        target: 'docker',
        sandbox_profile: 'standard',
        ...{ cpus: 0.5, memory_mb: 64, disk_mb: 32, pids: 32 },
        ...over,
      }),
    insertOperation: (agentId: string, kind: OperationKind, over: Record<string, unknown> = {}) =>
      insert('operations', {
        workspace_id: it.owner.workspaceId,
        agent_id: agentId,
        kind,
        requested_by: it.owner.userId,
        ...over,
      }),
    queueBehind: async (agentId: string, kind: 'stop' | 'delete') => {
      const [queued] = await it.database.asSuperuser<{ id: string }>(
        `with o as (update nora.operations set cancel_requested_at = now() where agent_id = $1 and status in ('pending', 'leased')),
           a as (update nora.agents set desired_state = $3 where id = $1)
         insert into nora.operations (workspace_id, agent_id, kind, requested_by) values ($4, $1, $2, $5) returning id`,
        [agentId, kind, kind === 'stop' ? 'stopped' : 'deleted', it.owner.workspaceId, it.owner.userId],
      )
      return queued!.id
    },
    cancel: async (operationId: string, desired: string) => {
      await it.database.asSuperuser(
        `with o as (update nora.operations set cancel_requested_at = now() where id = $1 returning agent_id)
         update nora.agents a set desired_state = $2 from o where a.id = o.agent_id`,
        [operationId, desired],
      )
    },
    setAgent: (agentId: string, values: Record<string, unknown>) => set('agents', agentId, values),
    agent: (agentId: string) => row('agents', agentId) as Promise<AgentLook>,
    operation,
    untilOperation: async (id: string, status: string, deadlineMs = 90_000) => {
      let last: Record<string, unknown> = {}
      await waitUntil(
        `operation ${status}`,
        async () => {
          last = await operation(id)
          return last['status'] === status
        },
        { deadlineMs },
      ).catch((error) => {
        throw new Error(`${error.message}: ${JSON.stringify(last)}`)
      })
    },
  }
}

async function removeObjects(docker: Docker, installation: string): Promise<void> {
  const filters = { label: [`com.nora.installation=${installation}`] }
  for (const { Id } of await docker.listContainers({ all: true, filters })) {
    await docker.getContainer(Id).remove({ force: true, v: true })
  }
  for (const { Id } of await docker.listNetworks({ filters })) await docker.getNetwork(Id).remove()
  for (const { Name } of (await docker.listVolumes({ filters })).Volumes ?? []) {
    await docker.getVolume(Name).remove()
  }
}
