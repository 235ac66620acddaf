import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startRedis } from '@nora/embedded/redis'
import { cloneDatabase, type TestDatabase } from '@nora/testing/clone-database'
import { startPostgresServer } from '@nora/testing/postgres-server'
import Docker from 'dockerode'

/** Real parts for one bench process, each started when first asked for and ended with `close`. */
export type BenchServices = {
  /** A database of its own on this process's Postgres, cloned from a migrated template. */
  database(): Promise<TestDatabase>
  /** The socket path of a redis-server of its own, which is also its URL for ioredis. */
  redis(): Promise<string>
  /** The machine's engine; benches touch only what carries their own installation's label. */
  docker(): Docker
  /** A folder that is removed at the end. */
  folder(): Promise<string>
  /** Runs at the end, last one first. */
  defer(cleanup: () => Promise<unknown>): void
  close(): Promise<void>
}

export function benchServices(signal: AbortSignal): BenchServices {
  const cleanups: (() => Promise<unknown>)[] = []
  const defer = (cleanup: () => Promise<unknown>) => void cleanups.push(cleanup)
  let server: ReturnType<typeof startPostgresServer> | undefined
  let docker: Docker | undefined

  async function folder(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), 'nora-bench-'))
    defer(() => rm(path, { recursive: true, force: true }))
    return path
  }

  return {
    async database() {
      if (!server) {
        // As in production: with fsync, or writes would look cheaper than they are.
        server = startPostgresServer(signal, { fast: false })
        const { stop } = await server
        defer(stop)
      }
      const { database, drop } = await cloneDatabase((await server).server)
      defer(drop)
      return database
    },
    async redis() {
      const dir = await folder()
      const redis = await startRedis({ dir, socketPath: join(dir, 'redis.sock'), persistent: true, signal })
      defer(() => redis.stop())
      return redis.url
    },
    docker() {
      docker ??= new Docker()
      return docker
    },
    folder,
    defer,
    async close() {
      for (const cleanup of cleanups.splice(0).reverse()) {
        await cleanup().catch((error) => process.stderr.write(`clean-up: ${String(error)}\n`))
      }
    },
  }
}
