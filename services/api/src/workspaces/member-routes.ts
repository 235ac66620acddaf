import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Uuid } from '@nora/contract/wire'
import { Member, MemberPage, PeopleQuery, RemovedMember, UpdateMember } from '@nora/contract/workspaces'
import { withActor } from '@nora/db/actor'
import {
  listMembers,
  type Member as MemberRow,
  memberById,
  removeMember,
  setMemberRole,
} from '@nora/db/members'
import { DomainError } from '@nora/domain/errors'
import { Type } from 'typebox'
import { ringAll } from '../agents/ring-all.ts'
import type { Deps } from '../deps.ts'
import { onlyOurCopy } from '../provider-keys/take-from-agents.ts'

const Id = Type.Object({ id: Uuid }, { additionalProperties: false })
const MemberId = Type.Object({ id: Uuid, userId: Uuid }, { additionalProperties: false })

/** `workspaces/:id/members`: who belongs to a workspace, as what. The rules are functions of migrations/0013-people.sql. */
export const memberRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  app.get(
    '/workspaces/:id/members',
    {
      config: { access: 'member:read', workspaceParam: 'id' },
      schema: { params: Id, querystring: PeopleQuery, response: { 200: MemberPage } },
    },
    async (request) => {
      const { limit = 50, cursor } = request.query
      const page = await withActor(deps.db, request.actor.actor, (tx) =>
        listMembers(tx, { limit, ...(cursor !== undefined && { cursor }) }),
      )
      return { items: page.rows.map(wire), nextCursor: page.nextCursor }
    },
  )

  app.patch(
    '/workspaces/:id/members/:userId',
    {
      config: { access: 'member:manage', workspaceParam: 'id' },
      schema: { params: MemberId, body: UpdateMember, response: { 200: Member } },
    },
    async (request) => {
      const { actor } = request.actor
      const { userId } = request.params
      const { role, transfer = false } = request.body
      if (transfer && (role !== 'owner' || userId === request.actor.userId)) {
        throw new DomainError('bad-request', {
          errors: [{ path: 'body/transfer', message: 'goes with role owner, to somebody else' }],
        })
      }
      return withActor(deps.db, actor, async (tx) => {
        await setMemberRole(tx, actor, { userId, role, transfer }, request.actor)
        return wire((await memberById(tx, userId))!)
      })
    },
  )

  app.delete(
    '/workspaces/:id/members/:userId',
    {
      // Everybody may leave; whom one may remove besides is decided under the workspace's lock.
      config: { access: 'member:read', workspaceParam: 'id' },
      schema: {
        params: MemberId,
        response: { 200: RemovedMember, 204: Type.Null({ description: 'No agent held a key of theirs' }) },
      },
    },
    async (request, reply) => {
      const { actor } = request.actor
      const detachedFrom = await withActor(deps.db, actor, (tx) =>
        removeMember(tx, actor, request.params.userId, request.actor),
      )
      await ringAll(
        deps,
        detachedFrom.map((one) => one.operationId),
      )
      if (detachedFrom.length === 0) return reply.code(204).send(null)
      return reply.code(200).send({ detachedFrom, notice: onlyOurCopy })
    },
  )
}

const wire = (member: MemberRow): Member => ({
  userId: member.id,
  email: member.email,
  name: member.name,
  role: member.role,
  joinedAt: member.created_at.toISOString(),
})
