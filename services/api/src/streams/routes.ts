import { randomUUID } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { CreateTicket, Ticket } from '@nora/contract/streams'
import { hashToken, randomToken } from '@nora/crypto/tokens'
import type { Tx } from '@nora/db/actor'
import { agentExists } from '@nora/db/agent-reads'
import { issueExecTicket } from '@nora/db/exec-tickets'
import { issueLiveTicket } from '@nora/db/live-streams'
import { insertStream, type NewStream } from '@nora/db/streams'
import { DomainError } from '@nora/domain/errors'
import { allows } from '@nora/domain/roles'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { auditAction } from '../agents/write-audit.ts'
import type { Deps } from '../deps.ts'
import { idempotently, sendOutcome } from '../http/idempotency.ts'
import type { RequestActor } from '../http/sessions.ts'
import { consoleDoor, serveStreams } from '../http/websocket.ts'
import { serveEvents } from '../live/events.ts'
import { admitStream } from './admit-stream.ts'
import { pipeExec } from './pipe-exec.ts'
import { pipeLogs } from './pipe-logs.ts'
import { mostSockets, socketPlaces } from './socket-places.ts'

/** How long a ticket waits for its connection. */
const ticketMs = 30_000

/** `ws-tickets`, and the sockets they open. */
export const streamRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  app.post(
    '/ws-tickets',
    {
      // A terminal needs more, see below.
      config: { access: 'logs:read', idempotency: 'credential' },
      schema: { body: CreateTicket, response: { 201: Ticket } },
    },
    async (request, reply) => {
      await app.limits.tickets(request, reply)
      const { body, actor: who } = request
      if (body.kind === 'exec') await requireExec(request, reply)
      const ticket = randomToken()
      const ticketHash = hashToken(ticket)
      const expiresAt = new Date(deps.clock() + ticketMs)
      const outcome = await idempotently(deps, request, async (tx) => {
        const streamId = await issue(tx, who, body, { ticketHash, expiresAt })
        // What an agent prints, and what is typed into it, is looked at by somebody. That something changed is told to every open page.
        if (body.kind !== 'events') {
          const { kind, agentId: id } = body
          await auditAction(tx, who, 'STREAM_TICKET_ISSUED', { kind: 'agent', id }, { kind, streamId })
        }
        return { status: 201, body: { ticket, expiresAt: expiresAt.toISOString() } }
      })
      return sendOutcome(reply, outcome)
    },
  )

  const requireExec = async (request: FastifyRequest, reply: FastifyReply) => {
    if (!allows(request.actor.role, 'agent:exec')) throw new DomainError('forbidden')
    await app.limits.exec(request, reply)
  }

  const places = socketPlaces(deps, mostSockets)
  app.addHook('onClose', async () => places.stop())
  const bare = app as unknown as FastifyInstance
  const admitLogs = admitStream(deps, 'logs', 'logs:read', places)
  serveStreams(bare, deps, consoleDoor('logs'), (request) => admitLogs(request, pipeLogs(deps)))
  const admitExec = admitStream(deps, 'exec', 'agent:exec', places)
  serveStreams(bare, deps, consoleDoor('exec'), (request) => admitExec(request, pipeExec(deps)))
  serveEvents(bare, deps, places)
}

/** Stores a ticket of the kind that was asked for; gives the stream's id. DomainError `not-found`, and what `issueExecTicket` raises. */
async function issue(
  tx: Tx,
  who: RequestActor,
  asked: CreateTicket,
  ticket: Pick<NewStream, 'ticketHash' | 'expiresAt'>,
): Promise<string> {
  const { sessionId } = who.actor
  if (asked.kind === 'events') return issueLiveTicket(tx, sessionId, ticket.ticketHash)
  const { agentId, kind } = asked
  if (kind === 'exec') return issueExecTicket(tx, who.actor, { agentId, ticketHash: ticket.ticketHash })
  if (!(await agentExists(tx, agentId))) throw new DomainError('not-found')
  const id = randomUUID()
  const { workspaceId, userId } = who
  await insertStream(tx, { ...ticket, id, agentId, kind, workspaceId, userId, sessionId })
  return id
}
