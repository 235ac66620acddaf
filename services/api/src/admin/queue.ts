import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AdminQueue, AdminQueueQuery, AdminRetried, type QueuedOperation } from '@nora/contract/admin-queue'
import { NoBody, Uuid } from '@nora/contract/wire'
import { withActor } from '@nora/db/actor'
import {
  adminQueue,
  adminQueueDepth,
  adminRetry,
  type QueueRow,
  type QueueStatus,
} from '@nora/db/admin-queue'
import { DomainError } from '@nora/domain/errors'
import { Type } from 'typebox'
import { ringAll } from '../agents/ring-all.ts'
import type { Deps } from '../deps.ts'
import { idempotently, sendOutcome } from '../http/idempotency.ts'
import { whyItWaits } from './why-it-waits.ts'

const Id = Type.Object({ id: Uuid }, { additionalProperties: false })
const shown = { pending: 'queued', leased: 'running', failed: 'failed' } as const satisfies Record<
  QueueStatus,
  QueuedOperation['status']
>

/** `admin/queue`: why each operation of the whole server waits, for platform admins; reading it is audited. */
export const adminQueueRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  app.get(
    '/admin/queue',
    {
      config: { access: 'platform-admin' },
      schema: { querystring: AdminQueueQuery, response: { 200: AdminQueue } },
    },
    async (request) => {
      const { limit = 50, cursor, status } = request.query
      const who = { ip: request.actor.ip, correlationId: request.actor.correlationId }
      const { rows, depth, workers } = await withActor(deps.db, request.actor.actor, async (tx) => ({
        rows: await adminQueue(tx, who, {
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
    '/admin/queue/:id/retry',
    {
      config: { access: 'platform-admin', idempotency: 'answer' },
      schema: { params: Id, body: NoBody, response: { 202: AdminRetried } },
    },
    async (request, reply) => {
      const who = { ip: request.actor.ip, correlationId: request.actor.correlationId }
      let rung: string | null = null
      const outcome = await idempotently(deps, request, async (tx) => {
        rung = await adminRetry(tx, who, request.params.id)
        if (rung !== null) return { status: 202, body: { operationId: rung } }
        const detail = 'it runs, or nothing of it is left to try again'
        throw new DomainError('operation-finished', {}, { detail })
      })
      await ringAll(deps, [rung])
      return sendOutcome(reply, outcome)
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
