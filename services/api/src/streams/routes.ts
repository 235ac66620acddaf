import { randomUUID } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { CreateTicket, Ticket } from '@nora/contract/streams'
import { hashToken, randomToken } from '@nora/crypto/tokens'
import { agentExists } from '@nora/db/agent-reads'
import { insertStream } from '@nora/db/streams'
import { DomainError } from '@nora/domain/errors'
import type { FastifyInstance } from 'fastify'
import { auditAction } from '../agents/write-audit.ts'
import type { Deps } from '../deps.ts'
import { idempotently, sendOutcome } from '../http/idempotency.ts'
import { serveStreams } from '../http/websocket.ts'
import { admitStream } from './admit-stream.ts'
import { pipeLogs } from './pipe-logs.ts'
import { socketPlaces } from './socket-places.ts'

/** How long a ticket waits for its connection. */
const ticketMs = 30_000
/** Open sockets of one person, of every kind. */
const mostSockets = 20

/** `ws-tickets`, and the sockets they open. */
export const streamRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  app.post(
    '/ws-tickets',
    {
      // The same permission that the socket is held by.
      config: { access: 'logs:read', idempotency: 'credential' },
      schema: { body: CreateTicket, response: { 201: Ticket } },
    },
    async (request, reply) => {
      await app.limits.tickets(request, reply)
      const who = request.actor
      const { agentId, kind } = request.body
      const ticket = randomToken()
      const expiresAt = new Date(deps.clock() + ticketMs)
      const outcome = await idempotently(deps, request, async (tx) => {
        if (!(await agentExists(tx, agentId))) throw new DomainError('not-found')
        const id = randomUUID()
        await insertStream(tx, {
          ...{ id, agentId, kind, expiresAt },
          workspaceId: who.workspaceId,
          userId: who.userId,
          sessionId: who.actor.sessionId,
          ticketHash: hashToken(ticket),
        })
        await auditAction(
          tx,
          who,
          'STREAM_TICKET_ISSUED',
          { kind: 'agent', id: agentId },
          { kind, streamId: id },
        )
        return { status: 201, body: { ticket, expiresAt: expiresAt.toISOString() } }
      })
      return sendOutcome(reply, outcome)
    },
  )

  const places = socketPlaces(deps, mostSockets)
  app.addHook('onClose', async () => places.stop())
  const admit = admitStream(deps, 'logs', 'logs:read', places)
  serveStreams(app as unknown as FastifyInstance, deps, 'logs', (request) => admit(request, pipeLogs(deps)))
}
