import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { pageOf, Uuid } from '@nora/contract/wire'
import { Workspace } from '@nora/contract/workspaces'
import { type MyWorkspace, myWorkspaces } from '@nora/db/accounts'
import { withActor } from '@nora/db/actor'
import { DomainError } from '@nora/domain/errors'
import { Type } from 'typebox'
import type { Deps } from '../deps.ts'

export const workspaceRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  app.get(
    '/workspaces',
    { config: { access: 'session' }, schema: { response: { 200: pageOf(Workspace) } } },
    async (request) => {
      const workspaces = await withActor(deps.db, request.actor.actor, (tx) => myWorkspaces(tx))
      return { items: workspaces.map(wire), nextCursor: null }
    },
  )

  app.get(
    '/workspaces/:id',
    {
      config: { access: 'workspace:read', workspaceParam: 'id' },
      schema: { params: Type.Object({ id: Uuid }), response: { 200: Workspace } },
    },
    async (request) => {
      const workspaces = await withActor(deps.db, request.actor.actor, (tx) => myWorkspaces(tx))
      const found = workspaces.find((workspace) => workspace.id === request.actor.workspaceId)
      if (!found) throw new DomainError('not-found')
      return wire(found)
    },
  )
}

const wire = (workspace: MyWorkspace) => ({ ...workspace, createdAt: workspace.createdAt.toISOString() })
