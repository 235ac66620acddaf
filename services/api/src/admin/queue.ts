import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import {
  AdminCancelled,
  AdminQueue,
  AdminQueueQuery,
  AdminRetried,
  type QueuedOperation,
} from '@nora/contract/admin-queue'
import { NoBody, Uuid } from '@nora/contract/wire'
import {
  adminQueue,
  adminQueueDepth,
  adminRetry,
  type QueueRow,
  type QueueStatus,
} from '@nora/db/admin-queue'
import { withAdminTurn } from '@nora/db/admin-session'
import { DomainError } from '@nora/domain/errors'
import { Type } from 'typebox'
import { cancelInTurn } from '../agents/cancel-operation.ts'
import { ringAll } from '../agents/ring-all.ts'
import type { Deps } from '../deps.ts'
import { readAsAdmin } from './read.ts'
import { whyItWaits } from './why-it-waits.ts'

const Id = Type.Object({ id: Uuid }, { additionalProperties: false })
const shown = { pending: 'queued', leased: 'running', failed: 'failed' } as const satisfies Record<
  QueueStatus,
  QueuedOperation['status']
>

/** `admin/queue`: why each operation of the whole server waits; one is tried again, or cancelled. */
export const adminQueueRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  app.get(
    '/queue',
    {
      config: { access: 'platform-admin' },
      schema: { querystring: AdminQueueQuery, response: { 200: AdminQueue } },
    },
    async (request) => {
      const { limit = 50, cursor, status } = request.query
      const asked = { what: 'queue', how: { ...request.query } }
      const { rows, depth, workers } = await readAsAdmin(deps, request, asked, async (tx) => ({
        rows: await adminQueue(tx, {
          open: status !== 'failed',
          failed: status !== 'open',
          before: cursor === undefined ? null : Number(cursor),
          limit: limit + 1,
        }),
        ...(await adminQueueDepth(tx)),
      }))
      const now = deps.clock()
      const page = rows.slice(0, limit)
      return {
        workers,
        depth: depth.map((one) => ({
          status: shown[one.status],
          kind: one.kind,
          count: one.count,
          oldestSeconds: secondsSince(one.oldestAt, now),
        })),
        items: page.map((row) => view(row, workers, now)),
        nextCursor: rows.length > limit ? String(page.at(-1)!.seq) : null,
      }
    },
  )

  app.post(
    '/queue/:id/retry',
    {
      // What waits no more, or is looked at already, is not made twice.
      config: { access: 'platform-admin', idempotency: 'none' },
      schema: { params: Id, body: NoBody, response: { 202: AdminRetried } },
    },
    async ({ admin, params }, reply) => {
      const operationId = await adminRetry(deps.db, admin.proof, params.id, admin)
      if (operationId === null) {
        const detail = 'it runs, or nothing of it is left to try again'
        throw new DomainError('operation-finished', {}, { detail })
      }
      await ringAll(deps, [operationId])
      return reply.code(202).send({ operationId })
    },
  )

  app.post(
    '/queue/:id/cancel',
    {
      // Cancelled once, it is finished; while a worker undoes it, asking again changes nothing.
      config: { access: 'platform-admin', idempotency: 'none' },
      schema: { params: Id, body: NoBody, response: { 202: AdminCancelled } },
    },
    async ({ admin, params }, reply) => {
      const operationId = params.id
      const rung = await withAdminTurn(deps.db, admin.proof, operationId, admin, (tx, turn) =>
        cancelInTurn(
          tx,
          { ...turn, ip: admin.ip, correlationId: admin.correlationId },
          turn.agentId,
          operationId,
        ),
      )
      await ringAll(deps, [rung])
      return reply.code(202).send({ operationId })
    },
  )
}

function view(row: QueueRow, workers: number, now: number): QueuedOperation {
  return {
    id: row.id,
    workspaceId: row.workspaceId,
    agentId: row.agentId,
    providerKeyId: row.credentialId,
    kind: row.kind,
    status: shown[row.status],
    step: row.step,
    attempt: row.attempt,
    worker: row.workerId,
    ageSeconds: secondsSince(row.createdAt, now),
    notBefore: row.notBefore.toISOString(),
    deadlineAt: row.deadlineAt.toISOString(),
    createdAt: row.createdAt.toISOString(),
    finishedAt: row.finishedAt?.toISOString() ?? null,
    behind: row.behindId,
    why: whyItWaits(row, workers, now),
  }
}

const secondsSince = (time: Date, now: number) => Math.max(0, Math.round((now - time.getTime()) / 1000))
