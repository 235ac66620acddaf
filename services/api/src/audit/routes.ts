import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AuditExportQuery, AuditPage, AuditQuery } from '@nora/contract/audit'
import { withActor } from '@nora/db/actor'
import { auditPage } from '@nora/db/audit-read'
import { decodeCursor, encodeCursor } from '@nora/db/cursor'
import { DomainError } from '@nora/domain/errors'
import { allows } from '@nora/domain/roles'
import type { Deps } from '../deps.ts'
import { filterOf, itemOf } from './audit-view.ts'
import { auditExports, type EnterPart, exportAnswer, exportTypes } from './export-audit.ts'

/** `audit`: what happened in a workspace, for its admins and owners. */
export const auditRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  const config = { access: 'audit:read', workspaceQuery: 'workspace' } as const
  const startExport = auditExports()

  app.get(
    '/audit',
    { config, schema: { querystring: AuditQuery, response: { 200: AuditPage } } },
    async (request) => {
      const { limit = 50, cursor } = request.query
      const after = cursor === undefined ? undefined : decodeCursor(cursor)
      const { rows, next } = await withActor(deps.db, request.actor.actor, (tx) =>
        auditPage(tx, filterOf(request.query), { order: 'newest', after, limit }),
      )
      return { items: rows.map(itemOf), nextCursor: next && encodeCursor(next) }
    },
  )

  app.get(
    '/audit/export',
    {
      config,
      // A HEAD would read all of it to say nothing.
      exposeHeadRoute: false,
      schema: {
        description:
          'A stream that ends early when the session or the role ends; complete when it ends well.',
        querystring: AuditExportQuery,
        response: { 200: exportAnswer },
      },
    },
    async (request, reply) => {
      const { actor, userId } = request.actor
      const { format = 'jsonl' } = request.query
      const enter: EnterPart = (run) =>
        withActor(deps.db, actor, (tx, { role }) => {
          if (!allows(role, 'audit:read')) throw new DomainError('forbidden')
          return run(tx)
        })
      const stream = startExport({ userId, enter, filter: filterOf(request.query), query: request.query })
      reply.type(exportTypes[format]).header('content-disposition', `attachment; filename="audit.${format}"`)
      return reply.send(stream as never)
    },
  )
}
