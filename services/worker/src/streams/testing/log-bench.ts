import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeChunk, type LogRecord } from '@nora/events/log-chunk'
import { createLogger } from '@nora/log/logger'
import { type Person, person } from '@nora/testing/people'
import type { TestDatabase } from '@nora/testing/postgres'
import { waitUntil } from '@nora/testing/wait-until'
import Docker from 'dockerode'
import { afterAll, afterEach, beforeAll } from 'vitest'
import type { Backend } from '../../backends/backend.ts'
import { dockerBackend } from '../../backends/docker/backend.ts'
import { assembleTinyImage } from '../../images/tiny.ts'
import { keyring, storeAgent } from '../../secrets/testing/arrange.ts'
import { type Followers, type FollowersLimits, startFollowers } from '../followers.ts'

export const quiet = createLogger({ service: 'test', level: 'silent' })

/** The real engine and real containers without a network, agents' rows for them, and followers over both. */
export type LogBench = {
  docker: Docker
  backend: Backend
  keysDir: string
  alice: Person
  /** Starts a container that runs a shell script; `files` is what the engine keeps of its log. */
  run(script: string, binds?: string[], files?: { size: string; count: number }): Promise<string>
  /** An agent's row that names this container. */
  agentOf(containerId: string | null): Promise<string>
  setContainer(agentId: string, containerId: string | null, generation: number): Promise<void>
  follow(options?: {
    limits?: Partial<FollowersLimits>
    workerId?: string
    ring?: (id: string) => void
  }): Followers
  stored(agentId: string): Promise<LogRecord[]>
  /** Texts of the lines stored, once there are `count` of them. */
  texts(agentId: string, count: number, deadlineMs?: number): Promise<string[]>
  exited(containerId: string): Promise<void>
  /** Makes an empty file in `keysDir`, for a script that waits for it. */
  touch(name: string): Promise<void>
}

export const textOf = (record: LogRecord) => ('text' in record ? record.text : `(gap: ${record.gap.reason})`)

/** `docker`: the machine's engine unless another one is given. */
export function logBench(
  database: TestDatabase,
  docker = new Docker({ socketPath: '/var/run/docker.sock' }),
): LogBench {
  const installation = randomUUID()
  const containers: string[] = []
  const running: Followers[] = []
  const bench = { docker } as LogBench
  let image: string

  beforeAll(async () => {
    bench.keysDir = join(await mkdtemp('/dev/shm/nora-test-logs-'), 'keys')
    await mkdir(bench.keysDir, { recursive: true, mode: 0o711 })
    const options = {
      docker,
      installation,
      pool: '10.99.0.0/24',
      keysDir: bench.keysDir,
      dataDir: bench.keysDir,
    }
    bench.backend = dockerBackend({ ...options, log: quiet })
    bench.alice = await person(database, 'alice')
    image = (await assembleTinyImage(docker, { name: 'logs', cmd: ['/bin/sh'] })).reference
  })
  afterEach(async () => {
    for (const one of running.splice(0)) await one.stop()
    for (const id of containers.splice(0)) {
      await docker
        .getContainer(id)
        .remove({ force: true })
        .catch((error: { statusCode?: number }) => {
          if (error.statusCode !== 404) throw error
        })
    }
  })
  afterAll(() => rm(join(bench.keysDir, '..'), { recursive: true, force: true }))

  return Object.assign(bench, {
    async run(script: string, binds: string[] = [], files = { size: '10m', count: 3 }) {
      const container = await docker.createContainer({
        Image: image,
        Cmd: ['/bin/sh', '-c', script],
        Labels: { 'com.nora.installation': installation },
        HostConfig: {
          NetworkMode: 'none',
          Binds: binds,
          LogConfig: {
            Type: 'json-file',
            Config: { 'max-size': files.size, 'max-file': String(files.count) },
          },
        },
      })
      containers.push(container.id)
      await container.start()
      return container.id
    },
    agentOf: (containerId: string | null) =>
      storeAgent(database, bench.alice, { container_id: containerId, state: 'running' }),
    async setContainer(agentId: string, containerId: string | null, generation: number) {
      const values = [agentId, containerId, generation]
      await database.asSuperuser(
        'update nora.agents set container_id = $2, generation = $3 where id = $1',
        values,
      )
    },
    follow({ limits = {}, workerId = `worker-${randomUUID()}`, ring = () => undefined } = {}) {
      const { backend } = bench
      const followers = startFollowers({
        db: database.worker,
        log: quiet,
        workerId,
        backend,
        keyring,
        ring,
        limits,
      })
      running.push(followers)
      return followers
    },
    async stored(agentId: string) {
      const rows = await database.asSuperuser<{ data: Buffer }>(
        'select data from nora.log_chunks where agent_id = $1 order by first_seq',
        [agentId],
      )
      return (await Promise.all(rows.map((row) => decodeChunk(row.data)))).flat()
    },
    async texts(agentId: string, count: number, deadlineMs = 60_000) {
      const enough = async () => {
        const records = await bench.stored(agentId)
        return records.length >= count ? records : undefined
      }
      return (await waitUntil(`${count} lines of the log`, enough, { deadlineMs })).map(textOf)
    },
    async exited(containerId: string) {
      await docker.getContainer(containerId).wait()
    },
    touch: (name: string) => writeFile(join(bench.keysDir, name), ''),
  })
}
