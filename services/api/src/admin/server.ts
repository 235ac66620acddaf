import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import {
  AdminBackups,
  AdminKeys,
  AdminSettings,
  type AdminWorker,
  AdminWorkerPage,
  AdminWorkerQuery,
} from '@nora/contract/admin-server'
import { version } from '@nora/contract/version'
import { type AdminWorkerRow, adminInstallation, adminKeys, adminWorkers } from '@nora/db/admin-server'
import type { Deps } from '../deps.ts'
import { encryptionKeys, idsOf } from './encryption-keys.ts'
import { readAsAdmin } from './read.ts'
import { shownSettings } from './shown-settings.ts'

/** `admin/{workers,settings,keys,backups}`: how the server itself stands. */
export const adminServerRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  const config = { access: 'platform-admin' } as const

  app.get(
    '/workers',
    { config, schema: { querystring: AdminWorkerQuery, response: { 200: AdminWorkerPage } } },
    async (request) => {
      const { limit = 50, cursor: after } = request.query
      const asked = { what: 'workers', how: { ...request.query } }
      const rows = await readAsAdmin(deps, request, asked, (tx) =>
        adminWorkers(tx, { after, limit: limit + 1 }),
      )
      const page = rows.slice(0, limit)
      return { items: page.map(workerView), nextCursor: rows.length > limit ? page.at(-1)!.id : null }
    },
  )

  app.get('/settings', { config, schema: { response: { 200: AdminSettings } } }, async (request) => {
    const { id, claimedAt, agents, services } = await readAsAdmin(
      deps,
      request,
      { what: 'settings' },
      adminInstallation,
    )
    return {
      version,
      installation: { id, claimedAt: claimedAt?.toISOString() ?? null },
      ...shownSettings(deps.config, agents),
      services: services.map(({ since, ...one }) => ({ ...one, since: since.toISOString() })),
    }
  })

  app.get('/keys', { config, schema: { response: { 200: AdminKeys } } }, async (request) =>
    encryptionKeys(
      await readAsAdmin(deps, request, { what: 'keys' }, adminKeys),
      deps.sealKey.version,
      deps.clock(),
    ),
  )

  app.get('/backups', { config, schema: { response: { 200: AdminBackups } } }, async () => ({
    available: false,
    reason:
      'this version makes no backups by itself: dump the database, and keep ENCRYPTION_KEY apart from it',
    items: [],
    nextCursor: null,
  }))
}

const workerView = (row: AdminWorkerRow): AdminWorker => ({
  id: row.id,
  health: row.live ? 'live' : 'silent',
  version: row.version,
  startedAt: row.startedAt.toISOString(),
  lastSeenAt: row.lastSeenAt.toISOString(),
  keyVersion: row.keyVersion,
  keyIds: idsOf(row.opens.length > 0 ? row.opens : row.kid8),
  operations: row.operations,
  leaseUntil: row.leaseUntil?.toISOString() ?? null,
  gateways: row.gateways,
  logs: row.logs,
})
