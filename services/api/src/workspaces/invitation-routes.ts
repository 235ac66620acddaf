import { randomUUID } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Uuid } from '@nora/contract/wire'
import {
  AcceptInvitation,
  CreateInvitation,
  type Invitation,
  InvitationPage,
  NewInvitation,
  PeopleQuery,
  Workspace,
} from '@nora/contract/workspaces'
import { hashToken, randomToken } from '@nora/crypto/tokens'
import { withActor } from '@nora/db/actor'
import {
  acceptInvitation,
  createInvitation,
  deleteInvitation,
  type InvitationRow,
  invitationById,
  listInvitations,
} from '@nora/db/invitations'
import { Type } from 'typebox'
import type { Deps } from '../deps.ts'
import { idempotently, sendOutcome } from '../http/idempotency.ts'
import { workspaceView } from './routes.ts'

const Id = Type.Object({ id: Uuid }, { additionalProperties: false })
const InvitationId = Type.Object({ id: Uuid, invitationId: Uuid }, { additionalProperties: false })

/** `workspaces/:id/invitations` and `workspaces/invitations/accept`. Nora sends no mail: whoever invites hands the token on. */
export const invitationRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  app.get(
    '/workspaces/:id/invitations',
    {
      config: { access: 'invitation:manage', workspaceParam: 'id' },
      schema: { params: Id, querystring: PeopleQuery, response: { 200: InvitationPage } },
    },
    async (request) => {
      const { limit = 50, cursor } = request.query
      const page = await withActor(deps.db, request.actor.actor, (tx) =>
        listInvitations(tx, { limit, ...(cursor !== undefined && { cursor }) }),
      )
      return { items: page.rows.map(wire), nextCursor: page.nextCursor }
    },
  )

  app.post(
    '/workspaces/:id/invitations',
    {
      config: { access: 'invitation:manage', workspaceParam: 'id', idempotency: 'credential' },
      schema: { params: Id, body: CreateInvitation, response: { 201: NewInvitation } },
    },
    async (request, reply) => {
      const { actor, workspaceId } = request.actor
      // A prefix by which the scrubs of logs know it, and 256 bits.
      const token = `nora_invite_${randomToken()}`
      const id = randomUUID()
      const outcome = await idempotently(deps, request, async (tx) => {
        await createInvitation(tx, actor, { ...request.body, id, tokenHash: hashToken(token) }, request.actor)
        const invitation = wire((await invitationById(tx, id))!)
        const location = `/api/workspaces/${workspaceId}/invitations/${id}`
        return { status: 201, location, body: { ...invitation, token } }
      })
      return sendOutcome(reply, outcome)
    },
  )

  app.delete(
    '/workspaces/:id/invitations/:invitationId',
    {
      config: { access: 'invitation:manage', workspaceParam: 'id' },
      schema: { params: InvitationId, response: { 204: Type.Null({ description: 'No content' }) } },
    },
    async (request, reply) => {
      await withActor(deps.db, request.actor.actor, (tx) =>
        deleteInvitation(tx, request.params.invitationId, request.actor),
      )
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/workspaces/invitations/accept',
    {
      config: { access: 'session', idempotency: 'answer' },
      schema: { body: AcceptInvitation, response: { 200: Workspace } },
    },
    async (request, reply) => {
      const outcome = await idempotently(deps, request, async (tx) => {
        const id = await acceptInvitation(tx, hashToken(request.body.token), request.actor)
        return { status: 200, body: await workspaceView(tx, id) }
      })
      return sendOutcome(reply, outcome)
    },
  )
}

const wire = (row: InvitationRow): Invitation => ({
  id: row.id,
  email: row.email,
  role: row.role,
  invitedBy: row.invited_by,
  createdAt: row.created_at.toISOString(),
  expiresAt: row.expires_at.toISOString(),
})
