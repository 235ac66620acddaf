import { readFile } from 'node:fs/promises'
import { waitUntil } from '@nora/testing/wait-until'
import Docker from 'dockerode'
import { Redis } from 'ioredis'
import pg from 'pg'
import { type Provider, startProvider } from '../provider.ts'
import { familyOf, killAll, type Parts, providerHost, providerPort, startParts } from './parts.ts'
import { signIn, type WorldClient } from './world-client.ts'

export const victims = ['worker', 'api', 'gateway', 'redis', 'flushall', 'postgres', 'engine'] as const
export type Victim = (typeof victims)[number]

/** Everything of one installation, and the means to kill it. */
export type World = {
  parts: Parts
  docker: Docker
  provider: Provider
  client: WorldClient
  /** `nora-<first 8 of the installation id>`. */
  prefix: string
  keysDir: string
  diskDir: string
  /** As the superuser, past every policy: for looking, never for acting. Repeated while Postgres is away. */
  rows<T extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<T[]>
  kill(victim: Victim): Promise<void>
  /** Waits until everything answers and nothing is on its way. */
  calm(deadlineMs?: number): Promise<void>
  close(): Promise<void>
}

export async function startWorld(
  folder: string,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<World> {
  const parts = await startParts(folder, say, signal)
  const { installation } = parts
  const docker = new Docker({ socketPath: installation.engineSocket, timeout: 60_000 })
  const prefix = `nora-${installation.id.slice(0, 8)}`
  const pool = new pg.Pool({ connectionString: parts.superuserUrl, max: 4 })
  // A server that goes while the pool is idle is seen by the next query.
  pool.on('error', () => undefined)
  const rows = <T extends pg.QueryResultRow>(text: string, values?: unknown[]) =>
    waitUntil('Postgres to answer', async () => (await pool.query<T>(text, values)).rows, {
      deadlineMs: 90_000,
      everyMs: 100,
    })
  const provider = await startProvider({ host: providerHost, port: providerPort })
  await untilReady(installation.localUrl)
  const client = await signIn(installation.localUrl, installation.files.api['NORA_SETUP_TOKEN']!)

  const kills: Record<Victim, () => Promise<void> | void> = {
    worker: () => killAll([parts.pid('worker')]),
    api: () => killAll([parts.pid('api')]),
    redis: () => killAll([parts.pid('redis')]),
    flushall: () => flushAll(parts),
    postgres: async () => killAll(await familyOf(parts.pid('postgres'))),
    // Its containerd is its child; the shims and the containers are nobody's, as on any machine.
    engine: async () => {
      const containerd = await readFile('/run/docker/containerd/containerd.pid', 'utf8')
      killAll([parts.pid('engine'), Number(containerd)])
    },
    gateway: async () => {
      const gateway = docker.getContainer(`${prefix}-gateway-0`)
      await gateway.kill({ signal: 'SIGKILL' })
    },
  }

  async function calm(deadlineMs = 240_000): Promise<void> {
    const open = `select kind, status, step, reason from nora.operations where status in ('pending', 'leased')`
    await untilReady(installation.localUrl, deadlineMs)
    await waitUntil(
      'nothing on its way',
      async () => {
        await docker.ping()
        const found = await rows(open)
        if (found.length > 0) throw new Error(JSON.stringify(found))
        return true
      },
      { deadlineMs, everyMs: 100 },
    )
  }

  return {
    ...{ parts, docker, provider, client, prefix, rows, calm },
    keysDir: `/dev/shm/${prefix}/keys`,
    diskDir: `${installation.layout.data}/worker/disks`,
    kill: async (victim) => kills[victim](),
    async close() {
      await pool.end()
      await provider.close()
      await parts.stop()
    },
  }
}

function untilReady(url: string, deadlineMs = 240_000): Promise<boolean> {
  return waitUntil(
    'the api to be ready',
    async () => {
      const response = await fetch(`${url}/api/readyz`, { signal: AbortSignal.timeout(20_000) })
      if (response.ok) return true
      throw new Error(await response.text())
    },
    { deadlineMs, everyMs: 50 },
  )
}

async function flushAll(parts: Parts): Promise<void> {
  const path = `${parts.installation.layout.run}/redis/redis.sock`
  const redis = new Redis(path, { maxRetriesPerRequest: 1, retryStrategy: () => null, lazyConnect: true })
  redis.on('error', () => undefined) // what fails rejects the call below
  try {
    await redis.connect()
    await redis.flushall()
  } finally {
    redis.disconnect()
  }
}
