import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Redis, startRedis } from '@nora/embedded/redis'
import { afterAll, beforeAll } from 'vitest'

export type TestRedis = { url: string; prefix: string; server: Redis; restart: () => Promise<void> }

/** A Redis server of its own for this test file (20 ms), so that a test may flush or kill it. */
export function testRedis(): TestRedis {
  const redis = { prefix: 'nora' } as TestRedis
  let folder: string
  const start = async () => {
    redis.server = await startRedis({
      dir: folder,
      socketPath: join(folder, 'redis.sock'),
      persistent: false,
      signal: AbortSignal.timeout(60_000),
    })
    redis.url = redis.server.url
  }
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nora-test-redis-'))
    redis.restart = start
    await start()
  })
  afterAll(async () => {
    await redis.server?.stop()
    await rm(folder, { recursive: true, force: true })
  })
  return redis
}
