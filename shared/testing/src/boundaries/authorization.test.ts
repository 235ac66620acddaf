import { buildApp } from '@nora/api/app'
import { authorizationPage } from '@nora/api/authorization/page'
import { undecided } from '@nora/api/authorization/table'
import type { Deps } from '@nora/api/deps'
import { testSettings } from '@nora/api/testing/test-api'
import { connect } from '@nora/db/connect'
import { createLogger } from '@nora/log/logger'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { readSource } from './sources.ts'

// services/api/src/authorization/authorization.db.test.ts asks what the table says; this is the part that needs no database.

test('every route of the api has been decided about in the authorization matrix', async () => {
  // The api as it is, connected to nothing: only its list of routes is looked at.
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
  }
  const app = await buildApp(deps as unknown as Deps)
  try {
    expect(undecided([...app.routeList, ...app.upgradeList])).toEqual([])
  } finally {
    await app.close()
    await db.destroy()
    redis.disconnect()
  }
})

test('docs/authorization.md shows the matrix', () => {
  expect(readSource('docs/authorization.md').text, 'run `npm run docs:authorization`').toBe(
    authorizationPage(),
  )
})
