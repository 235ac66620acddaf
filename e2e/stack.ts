import { type TestDatabase, testDatabase } from '@nora/testing/postgres'
import { type TestRedis, testRedis } from '@nora/testing/redis'
import Docker from 'dockerode'
import { afterAll, beforeAll } from 'vitest'
import { type Processes, startProcesses, type Uids } from './processes.ts'

export type Stack = Processes & { database: TestDatabase; redis: TestRedis; docker: Docker }

/**
 * The real api and the real worker as processes, on this file's own database, Redis, address pool and key folder.
 * @param worker more settings of the worker alone.
 * @param host the name in the stack's address: `localhost` for browsers, which passkeys ask for.
 */
export function stack(
  settings: Record<string, string> = {},
  uids?: Uids,
  host: '127.0.0.1' | 'localhost' = '127.0.0.1',
  worker: Record<string, string> = {},
): Stack {
  const database = testDatabase()
  const redis = testRedis()
  const it = { database, redis, docker: new Docker() } as Stack
  beforeAll(
    () =>
      startProcesses(it, { database, redisUrl: redis.url, docker: it.docker, settings, uids, host, worker }),
    300_000,
  )
  afterAll(() => it.close?.(), 300_000)
  return it
}
