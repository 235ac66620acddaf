import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AuditExportQuery, type AuditItem, AuditPage, AuditQuery } from '@nora/contract/audit'
import { withActor } from '@nora/db/actor'
import { type AuditFilter, type AuditRow, auditPage } from '@nora/db/audit-read'
import { decodeCursor, encodeCursor } from '@nora/db/cursor'
import { DomainError } from '@nora/domain/errors'
import { Type } from 'typebox'
import type { Deps } from '../deps.ts'
import { auditExports } from './export-audit.ts'
import { userIdOf } from './export-rows.ts'

const types = { jsonl: 'application/x-ndjson', csv: 'text/csv; charset=utf-8' }

/** `audit`: what happened in a workspace, for its admins and owners. */
export const auditRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  const config = { access: 'audit:read', workspaceQuery: 'workspace' } as const
  const startExport = auditExports(deps)

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
        response: {
          200: {
            description: 'By `format`',
            content: {
              'application/x-ndjson': { schema: Type.Unsafe<never>({ type: 'string' }) },
              'text/csv': { schema: Type.Unsafe<never>({ type: 'string' }) },
            },
          },
        },
      },
    },
    async (request, reply) => {
      const { actor, userId } = request.actor
      const { format = 'jsonl' } = request.query
      const stream = startExport(actor, userId, filterOf(request.query), request.query)
      reply.type(types[format]).header('content-disposition', `attachment; filename="audit.${format}"`)
      return reply.send(stream as never)
    },
  )
}

function filterOf({
  type,
  actor,
  from,
  to,
}: Pick<AuditQuery, 'type' | 'actor' | 'from' | 'to'>): AuditFilter {
  return { type, actor, from: momentOf('from', from), to: momentOf('to', to) }
}

/** A moment as Postgres has it: UTC, all six digits of it kept, within the years that it can tell. */
function momentOf(name: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const moment = new Date(text)
  const year = Number.isFinite(moment.getTime()) ? moment.getUTCFullYear() : 0
  if (year >= 1 && year <= 9999) {
    const fraction = (/\.(\d{1,6})/.exec(text)?.[1] ?? '').padEnd(6, '0')
    return `${moment.toISOString().slice(0, 19)}.${fraction}Z`
  }
  throw new DomainError('bad-request', {
    errors: [{ path: `querystring/${name}`, message: 'is not a moment' }],
  })
}

const itemOf = (row: AuditRow): AuditItem => ({
  id: row.id,
  timestamp: row.timestamp,
  eventType: row.event_type,
  userId: userIdOf(row),
  actor: { kind: row.actor_kind, id: row.actor_id },
  target: { kind: row.target_kind ?? '', id: row.target_id },
  ip: row.ip,
  correlationId: row.correlation_id,
  details: objectOf(JSON.parse(row.details)),
})

/** Every row of ours has an object; one that somebody smuggled in must not break the list. */
const objectOf = (value: unknown) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : { value }
