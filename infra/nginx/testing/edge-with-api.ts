import { startApi, type TestApi } from '@nora/api/testing/test-api'
import type { TestDatabase } from '@nora/testing/postgres'
import type { TestRedis } from '@nora/testing/redis'
import { afterAll, beforeAll } from 'vitest'
import { adminHost, type Edge, edgePorts, publicHost, startEdge } from './start-edge.ts'

/** The real api behind a real nginx, from `beforeAll` to `afterAll`; agents take bodies of 3 MiB. */
export function edgeWithApi(database: TestDatabase, redis: TestRedis): { edge: Edge; api: TestApi } {
  const edge = {} as Edge
  const api = {} as TestApi
  beforeAll(async () => {
    const ports = await edgePorts()
    const config = {
      publicUrl: `https://${publicHost}:${ports.httpsPort}`,
      adminUrl: `https://${adminHost}:${ports.httpsPort}`,
      trustProxy: ['127.0.0.1'],
      invokeMaxBodyMb: 3,
    }
    Object.assign(api, await startApi(database, redis, { config }))
    const upstream = { apiUpstream: new URL(api.url).host, invokeMaxBodyMb: 3 }
    Object.assign(edge, await startEdge({ ...ports, ...upstream, realCertificate: true }))
  })
  afterAll(async () => {
    await edge.close?.()
    await api.close?.()
  })
  return { edge, api }
}
