import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { OperationPage, OperationQuery } from '@nora/contract/agents'
import { Operation } from '@nora/contract/operations'
import { NoBody, Uuid } from '@nora/contract/wire'
import { withActor } from '@nora/db/actor'
import { agentExists } from '@nora/db/agent-reads'
import { listOperations, operationOfAgent } from '@nora/db/operations'
import { DomainError } from '@nora/domain/errors'
import { Type } from 'typebox'
import type { Deps } from '../deps.ts'
import { sendOutcome } from '../http/idempotency.ts'
import { cancel } from './cancel-operation.ts'
import { operationView } from './operation-view.ts'

const Id = Type.Object({ id: Uuid }, { additionalProperties: false })
const OperationId = Type.Object({ id: Uuid, opId: Uuid }, { additionalProperties: false })

/** `agents/:id/operations`: what was asked of an agent, and how it went. */
export const operationRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  app.get(
    '/agents/:id/operations',
    {
      config: { access: 'agent:read' },
      schema: { params: Id, querystring: OperationQuery, response: { 200: OperationPage } },
    },
    async (request) => {
      const { limit = 50, cursor } = request.query
      const { id } = request.params
      const page = await withActor(deps.db, request.actor.actor, async (tx) =>
        (await agentExists(tx, id))
          ? listOperations(tx, id, { limit, ...(cursor !== undefined && { cursor }) })
          : undefined,
      )
      if (!page) throw new DomainError('not-found')
      return { items: page.rows.map(operationView), nextCursor: page.nextCursor }
    },
  )

  app.get(
    '/agents/:id/operations/:opId',
    { config: { access: 'agent:read' }, schema: { params: OperationId, response: { 200: Operation } } },
    async (request) => {
      const { id, opId } = request.params
      const row = await withActor(deps.db, request.actor.actor, async (tx) =>
        (await agentExists(tx, id)) ? operationOfAgent(tx, id, opId) : undefined,
      )
      if (!row) throw new DomainError('not-found')
      return operationView(row)
    },
  )

  app.post(
    '/agents/:id/operations/:opId/cancel',
    {
      config: { access: 'agent:operate', idempotency: 'answer' },
      schema: { params: OperationId, body: NoBody, response: { 202: Operation } },
    },
    async (request, reply) => {
      const { id, opId } = request.params
      return sendOutcome(reply, await cancel(deps, request, id, opId))
    },
  )
}
