import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startRedis } from '@nora/embedded/redis'
import { cloneDatabase, type TestDatabase } from '@nora/testing/clone-database'
import { startPostgresServer } from '@nora/testing/postgres-server'
import Docker from 'dockerode'
import { type Processes, startProcesses } from '../processes.ts'

export type DevStack = Processes & { database: TestDatabase }

const services = fileURLToPath(new URL('../../services', import.meta.url))

/** What has the api serve the pages that `npm run build` made. */
export const pageFolders = {
  NORA_CONSOLE_DIR: join(services, 'console/dist'),
  NORA_ADMIN_DIR: join(services, 'admin/dist'),
}

/**
 * All of Nora on parts of its own (Postgres, Redis, api, worker, the machine's engine) with its pages, on `http://localhost` and
 * a free port. `close` ends and removes all of it.
 */
export async function startDev(
  signal: AbortSignal,
  settings: Record<string, string> = {},
): Promise<DevStack> {
  const cleanups: (() => Promise<unknown>)[] = []
  const stack = {} as DevStack
  const close = async () => {
    await stack.close?.()
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  }
  try {
    const { server, stop } = await startPostgresServer(signal)
    cleanups.push(stop)
    const { database, drop } = await cloneDatabase(server)
    cleanups.push(drop)
    const folder = await mkdtemp(join(tmpdir(), 'nora-dev-'))
    cleanups.push(() => rm(folder, { recursive: true, force: true }))
    const redis = await startRedis({
      dir: folder,
      socketPath: join(folder, 'redis.sock'),
      persistent: false,
      signal,
    })
    cleanups.push(() => redis.stop())
    await startProcesses(stack, {
      database,
      redisUrl: redis.url,
      docker: new Docker(),
      host: 'localhost',
      settings: { ...pageFolders, ...settings },
    })
    const { close: closeProcesses } = stack
    return Object.assign(stack, {
      database,
      close: async () => {
        await closeProcesses()
        for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
      },
    })
  } catch (error) {
    await close()
    throw error
  }
}
