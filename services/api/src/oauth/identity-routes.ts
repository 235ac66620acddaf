import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { FirstPasswordBody, Identities } from '@nora/contract/identities'
import { Uuid } from '@nora/contract/wire'
import { makePassword } from '@nora/crypto/passwords'
import { myPasswordSalt } from '@nora/db/accounts'
import { withActor } from '@nora/db/actor'
import { myIdentities, setFirstPassword, unlinkIdentity } from '@nora/db/identities'
import { Type } from 'typebox'
import type { Deps } from '../deps.ts'

const NoContent = Type.Null({ description: 'No content' })
const Id = Type.Object({ id: Uuid }, { additionalProperties: false })
const hashDeadlineMs = 10_000

/** What stands for one's account at providers, and the password that it may lack. */
export const identityRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  app.get(
    '/auth/identities',
    { config: { access: 'session' }, schema: { response: { 200: Identities } } },
    async (request) => {
      const { rows, salt } = await withActor(deps.db, request.actor.actor, async (tx) => ({
        rows: await myIdentities(tx),
        salt: await myPasswordSalt(tx),
      }))
      const items = rows.map(({ created_at, last_used_at, ...row }) => ({
        ...row,
        createdAt: created_at.toISOString(),
        lastUsedAt: last_used_at?.toISOString() ?? null,
      }))
      return { items, nextCursor: null, passwordSet: salt !== null }
    },
  )

  app.delete(
    '/auth/identities/:id',
    { config: { access: 'session' }, schema: { params: Id, response: { 204: NoContent } } },
    async (request, reply) => {
      const { actor } = request.actor
      await withActor(deps.db, actor, (tx) => unlinkIdentity(tx, actor, request.params.id, request.actor))
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/auth/password',
    {
      // Setting it twice is refused, so a repeat does nothing.
      config: { access: 'session', idempotency: 'none' },
      schema: { body: FirstPasswordBody, response: { 204: NoContent } },
    },
    async (request, reply) => {
      await app.limits.password(request, reply)
      const { actor } = request.actor
      const password = await makePassword(request.body.newPassword, AbortSignal.timeout(hashDeadlineMs))
      await withActor(deps.db, actor, (tx) => setFirstPassword(tx, actor, password, request.actor))
      return reply.code(204).send(null)
    },
  )
}
