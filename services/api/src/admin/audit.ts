import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import {
  AdminAuditChain,
  AdminAuditExportQuery,
  AdminAuditPage,
  AdminAuditQuery,
} from '@nora/contract/admin-audit'
import { withAdminRead } from '@nora/db/admin-session'
import { type AuditStatus, auditBrokenAt, auditStatus } from '@nora/db/audit-chain'
import { auditPage } from '@nora/db/audit-read'
import { decodeCursor, encodeCursor } from '@nora/db/cursor'
import { filterOf, itemOf } from '../audit/audit-view.ts'
import { auditExports, type EnterPart, exportAnswer, exportTypes } from '../audit/export-audit.ts'
import type { Deps } from '../deps.ts'
import { readAsAdmin } from './read.ts'

/** `admin/audit`: the whole log, every workspace's and what concerns none. */
export const adminAuditRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  const config = { access: 'platform-admin' } as const
  const startExport = auditExports()

  app.get(
    '/audit',
    { config, schema: { querystring: AdminAuditQuery, response: { 200: AdminAuditPage } } },
    async (request) => {
      const { limit = 50, cursor, workspace } = request.query
      const filter = filterOf(request.query)
      const after = cursor === undefined ? undefined : decodeCursor(cursor)
      const asked = { what: 'audit', how: { ...request.query } }
      const { rows, next } = await readAsAdmin(deps, request, asked, (tx) =>
        auditPage(tx, filter, { order: 'newest', after, limit }, { workspace }),
      )
      return {
        items: rows.map((row) => ({ ...itemOf(row), workspaceId: row.workspace_id })),
        nextCursor: next && encodeCursor(next),
      }
    },
  )

  app.get('/audit/chain', { config, schema: { response: { 200: AdminAuditChain } } }, (request) =>
    readAsAdmin(deps, request, { what: 'audit chain' }, async (tx) =>
      chainView(await auditStatus(tx, 0), await auditBrokenAt(tx)),
    ),
  )

  app.get(
    '/audit/export',
    {
      config,
      // A HEAD would read all of it to say nothing.
      exposeHeadRoute: false,
      schema: {
        description: 'A stream that ends early when the session ends; complete when it ends well.',
        querystring: AdminAuditExportQuery,
        response: { 200: exportAnswer },
      },
    },
    async (request, reply) => {
      const { admin, query } = request
      const { format = 'jsonl', workspace } = query
      const asked = { what: 'audit export', how: { ...query } }
      let audited: number | null = null
      // One audit row for all parts: the first one's number goes on.
      const enter: EnterPart = (run) =>
        withAdminRead(
          deps.db,
          admin.proof,
          asked,
          admin,
          (tx, seq) => {
            audited = seq
            return run(tx)
          },
          audited,
        )
      const stream = startExport({
        userId: admin.userId,
        enter,
        filter: filterOf(query),
        scope: { workspace },
        query,
      })
      reply.type(exportTypes[format]).header('content-disposition', `attachment; filename="audit.${format}"`)
      return reply.send(stream as never)
    },
  )
}

/** Milliseconds after which an entry should have been chained long ago: workers look each second. */
const lateMs = 10_000

function chainView(status: AuditStatus, brokenAt: Date | null): AdminAuditChain {
  const { position, hash, chainedAt, waiting, waitingMs, checkpoint, checkpointAt, checkpointKid } = status
  const signed = checkpoint > 0 && checkpointAt !== null
  return {
    state: brokenAt ? 'broken' : waitingMs > lateMs ? 'behind' : 'intact',
    position,
    hash: hash.toString('hex'),
    chainedAt: position > 0 ? chainedAt.toISOString() : null,
    waiting,
    oldestWaitingSeconds: Math.floor(waitingMs / 1000),
    checkpoint: signed
      ? {
          position: checkpoint,
          signedAt: checkpointAt.toISOString(),
          keyId: checkpointKid?.toString('hex') ?? '',
        }
      : null,
    brokenAt: brokenAt?.toISOString() ?? null,
  }
}
