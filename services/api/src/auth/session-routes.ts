import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { RevokeSessionsQuery, SessionItem } from '@nora/contract/auth'
import { pageOf, Uuid } from '@nora/contract/wire'
import { withActor } from '@nora/db/actor'
import { audit } from '@nora/db/audit'
import { liveSessions, revokeSession, revokeSessions } from '@nora/db/sessions'
import { DomainError } from '@nora/domain/errors'
import { Type } from 'typebox'
import type { Deps } from '../deps.ts'
import { clearSessionCookies } from '../http/credentials.ts'

const NoContent = Type.Null({ description: 'No content' })

/** Where a person is signed in, and the end of it. */
export const sessionRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  app.get(
    '/auth/sessions',
    { config: { access: 'session' }, schema: { response: { 200: pageOf(SessionItem) } } },
    async (request) => {
      const { actor } = request.actor
      const sessions = await withActor(deps.db, actor, (tx) => liveSessions(tx))
      const items = sessions.map(({ steppedUpUntil: _, ...session }) => ({
        ...session,
        createdAt: session.createdAt.toISOString(),
        lastSeenAt: session.lastSeenAt.toISOString(),
        current: session.id === actor.sessionId,
      }))
      return { items, nextCursor: null }
    },
  )

  app.delete(
    '/auth/sessions',
    {
      config: { access: 'session' },
      schema: { querystring: RevokeSessionsQuery, response: { 204: NoContent } },
    },
    async (request, reply) => {
      const { actor, userId, workspaceId, transport, ip, correlationId } = request.actor
      const { keepCurrent = false } = request.query
      await withActor(deps.db, actor, async (tx) => {
        const kept = keepCurrent ? actor.sessionId : null
        const ended = await revokeSessions(tx, 'revoked by its owner', kept)
        await audit(tx, {
          type: 'SESSIONS_REVOKED',
          actor: { kind: 'user', id: userId },
          workspaceId,
          target: { kind: 'user', id: userId },
          ip,
          correlationId,
          details: { ended, keptCurrent: keepCurrent },
        })
      })
      if (!keepCurrent && transport === 'cookie') clearSessionCookies(deps.config, reply)
      return reply.code(204).send(null)
    },
  )

  app.delete(
    '/auth/sessions/:id',
    {
      config: { access: 'session' },
      schema: { params: Type.Object({ id: Uuid }), response: { 204: NoContent } },
    },
    async (request, reply) => {
      const { actor, userId, workspaceId, ip, correlationId } = request.actor
      const { id } = request.params
      await withActor(deps.db, actor, async (tx) => {
        if (!(await revokeSession(tx, id, 'revoked by its owner'))) throw new DomainError('not-found')
        await audit(tx, {
          type: 'SESSION_REVOKED',
          actor: { kind: 'user', id: userId },
          workspaceId,
          target: { kind: 'session', id },
          ip,
          correlationId,
        })
      })
      if (id === actor.sessionId && request.actor.transport === 'cookie')
        clearSessionCookies(deps.config, reply)
      return reply.code(204).send(null)
    },
  )
}
