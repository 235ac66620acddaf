import { randomUUID } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { CreateTicket, Ticket } from '@nora/contract/streams'
import { hashToken, randomToken } from '@nora/crypto/tokens'
import { agentExists } from '@nora/db/agent-reads'
import { issueLiveTicket } from '@nora/db/live-streams'
import { insertStream } from '@nora/db/streams'
import { DomainError } from '@nora/domain/errors'
import type { FastifyInstance } from 'fastify'
import { auditAction } from '../agents/write-audit.ts'
import type { Deps } from '../deps.ts'
import { idempotently, sendOutcome } from '../http/idempotency.ts'
import { consoleDoor, serveStreams } from '../http/websocket.ts'
import { serveEvents } from '../live/events.ts'
import { admitStream } from './admit-stream.ts'
import { pipeLogs } from './pipe-logs.ts'
import { mostSockets, socketPlaces } from './socket-places.ts'

/** How long a ticket waits for its connection. */
const ticketMs = 30_000

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
      const { body, actor: who } = request
      const ticket = randomToken()
      const ticketHash = hashToken(ticket)
      const expiresAt = new Date(deps.clock() + ticketMs)
      const outcome = await idempotently(deps, request, async (tx) => {
        if (body.kind === 'events') {
          const streamId = await issueLiveTicket(tx, who.actor.sessionId, ticketHash)
          const target = { kind: 'stream', id: streamId } as const
          await auditAction(tx, who, 'STREAM_TICKET_ISSUED', target, { kind: body.kind })
        } else {
          const { agentId, kind } = body
          if (!(await agentExists(tx, agentId))) throw new DomainError('not-found')
          const id = randomUUID()
          const { workspaceId, userId } = who
          const { sessionId } = who.actor
          await insertStream(tx, { id, agentId, kind, expiresAt, workspaceId, userId, sessionId, ticketHash })
          const target = { kind: 'agent', id: agentId } as const
          await auditAction(tx, who, 'STREAM_TICKET_ISSUED', target, { kind, streamId: id })
        }
        return { status: 201, body: { ticket, expiresAt: expiresAt.toISOString() } }
      })
      return sendOutcome(reply, outcome)
    },
  )

  const places = socketPlaces(deps, mostSockets)
  app.addHook('onClose', async () => places.stop())
  const admit = admitStream(deps, 'logs', 'logs:read', places)
  const bare = app as unknown as FastifyInstance
  serveStreams(bare, deps, consoleDoor('logs'), (request) => admit(request, pipeLogs(deps)))
  serveEvents(bare, deps, places)
}
