import { connect } from '@nora/db/connect'
import { createLogger } from '@nora/log/logger'
import { Redis } from 'ioredis'
import { buildApp } from '../app.ts'
import type { Deps } from '../deps.ts'
import { testSettings } from './test-api.ts'

/**
 * The api as it is, connected to nothing, for what looks at its routes and its description alone.
 * @param look gets the app, which is closed again afterwards.
 */
export async function withDescribedApi<T>(
  look: (app: Awaited<ReturnType<typeof buildApp>>) => T | Promise<T>,
): Promise<T> {
  const redis = new Redis({ lazyConnect: true })
  const db = connect({
    databaseUrl: 'postgres://nobody@127.0.0.1:1/none',
    applicationName: 'none',
    onError: () => undefined,
  })
  const log = createLogger({ service: 'api', level: 'fatal', destination: { write: () => undefined } })
  const deps = {
    config: testSettings(),
    db,
    redis,
    log,
    clock: Date.now,
    capabilitySeed: Buffer.alloc(32, 1),
    hubPeppers: [Buffer.alloc(32, 2)],
  }
  const app = await buildApp(deps as unknown as Deps)
  try {
    return await look(app)
  } finally {
    await app.close()
    await db.destroy()
    redis.disconnect()
  }
}
