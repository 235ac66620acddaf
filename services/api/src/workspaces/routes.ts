import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { pageOf, Uuid } from '@nora/contract/wire'
import { DeleteWorkspaceQuery, Workspace, WorkspaceEnding, WorkspaceName } from '@nora/contract/workspaces'
import { type MyWorkspace, myWorkspaces } from '@nora/db/accounts'
import { type Tx, withActor } from '@nora/db/actor'
import { createWorkspace, renameWorkspace } from '@nora/db/workspaces'
import { DomainError } from '@nora/domain/errors'
import { Type } from 'typebox'
import type { Deps } from '../deps.ts'
import { idempotently, sendOutcome } from '../http/idempotency.ts'
import { deleteWorkspace } from './delete-workspace.ts'

const Id = Type.Object({ id: Uuid }, { additionalProperties: false })

/** `workspaces[/:id]`; who belongs to one is in member-routes.ts and invitation-routes.ts. */
export const workspaceRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  app.get(
    '/workspaces',
    { config: { access: 'session' }, schema: { response: { 200: pageOf(Workspace) } } },
    async (request) => {
      const workspaces = await withActor(deps.db, request.actor.actor, (tx) => myWorkspaces(tx))
      return { items: workspaces.map(wire), nextCursor: null }
    },
  )

  app.post(
    '/workspaces',
    {
      config: { access: 'session', idempotency: 'answer' },
      schema: { body: WorkspaceName, response: { 201: Workspace } },
    },
    async (request, reply) => {
      const outcome = await idempotently(deps, request, async (tx) => {
        const id = await createWorkspace(tx, request.body.name, request.actor)
        return { status: 201, location: `/api/workspaces/${id}`, body: await workspaceView(tx, id) }
      })
      return sendOutcome(reply, outcome)
    },
  )

  app.get(
    '/workspaces/:id',
    {
      config: { access: 'workspace:read', workspaceParam: 'id' },
      schema: { params: Id, response: { 200: Workspace } },
    },
    async (request) =>
      withActor(deps.db, request.actor.actor, (tx) => workspaceView(tx, request.actor.workspaceId)),
  )

  app.patch(
    '/workspaces/:id',
    {
      config: { access: 'workspace:update', workspaceParam: 'id' },
      schema: { params: Id, body: WorkspaceName, response: { 200: Workspace } },
    },
    async (request) =>
      withActor(deps.db, request.actor.actor, async (tx) => {
        await renameWorkspace(tx, request.body.name, request.actor)
        return workspaceView(tx, request.actor.workspaceId)
      }),
  )

  app.delete(
    '/workspaces/:id',
    {
      config: { access: 'workspace:delete', workspaceParam: 'id' },
      schema: {
        params: Id,
        querystring: DeleteWorkspaceQuery,
        response: { 202: WorkspaceEnding, 204: Type.Null({ description: 'It has gone' }) },
      },
    },
    async (request, reply) => {
      const ending = await deleteWorkspace(deps, request.actor, request.query.force ?? false)
      return ending ? reply.code(202).send(ending) : reply.code(204).send(null)
    },
  )
}

/** A workspace of the caller's. DomainError `not-found`. */
export async function workspaceView(tx: Tx, id: string): Promise<Workspace> {
  const found = (await myWorkspaces(tx)).find((workspace) => workspace.id === id)
  if (!found) throw new DomainError('not-found')
  return wire(found)
}

const wire = (workspace: MyWorkspace): Workspace => ({
  ...workspace,
  createdAt: workspace.createdAt.toISOString(),
})
