import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AgentEventPage, AgentEventQuery, LogPage, LogQuery } from '@nora/contract/agent-history'
import { AgentMetrics, MetricsQuery } from '@nora/contract/agent-metrics'
import {
  Agent,
  AgentPage,
  AgentQuery,
  CreateAgent,
  DeleteAgentQuery,
  SyncKeys,
  UpdateAgent,
} from '@nora/contract/agents'
import { DeployOptions } from '@nora/contract/deploy-options'
import { NoBody, Uuid } from '@nora/contract/wire'
import { withActor } from '@nora/db/actor'
import { agentById, agentPage } from '@nora/db/agent-reads'
import { DomainError } from '@nora/domain/errors'
import { Type } from 'typebox'
import type { Deps } from '../deps.ts'
import { builtJson } from '../http/built-json.ts'
import { sendOutcome } from '../http/idempotency.ts'
import { readOnce } from '../http/sessions.ts'
import { createAgent } from './create-agent.ts'
import { deployOptions } from './deploy-options.ts'
import { createTurns } from './in-turn.ts'
import { bringUp, remove, stop } from './lifecycle.ts'
import { operationRoutes } from './operation-routes.ts'
import { readEvents } from './read-events.ts'
import { readLogs } from './read-logs.ts'
import { readMetrics } from './read-metrics.ts'
import { syncKeys } from './sync-keys.ts'
import { updateAgent } from './update-agent.ts'

const Id = Type.Object({ id: Uuid }, { additionalProperties: false })

/** `agents`: what should be is written here; a worker makes it so. */
export const agentRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  await app.register(operationRoutes, { deps })
  const inTurn = createTurns()

  app.get(
    '/deploy-options',
    { config: { access: 'agent:read' }, schema: { response: { 200: DeployOptions } } },
    async (request) => deployOptions(deps, request.actor.actor),
  )

  app.post(
    '/agents',
    {
      config: { access: 'agent:create', idempotency: 'answer' },
      schema: { body: CreateAgent, response: { 202: Agent } },
    },
    async (request, reply) => sendOutcome(reply, await createAgent(deps, inTurn, request, request.body)),
  )

  app.get(
    '/agents',
    {
      config: { access: 'agent:read', oneRead: true },
      schema: { querystring: AgentQuery, response: { 200: AgentPage } },
    },
    async (request, reply) => {
      const limit = request.query.limit ?? 50
      const page = agentPage({ ...request.query, limit })
      return builtJson<AgentPage>(reply, await readOnce(deps, request, page))
    },
  )

  app.get(
    '/agents/:id',
    { config: { access: 'agent:read' }, schema: { params: Id, response: { 200: Agent } } },
    async (request) => {
      const agent = await withActor(deps.db, request.actor.actor, (tx) => agentById(tx, request.params.id))
      if (!agent) throw new DomainError('not-found')
      return agent
    },
  )

  app.patch(
    '/agents/:id',
    {
      config: { access: 'agent:update' },
      schema: { params: Id, body: UpdateAgent, response: { 200: Agent } },
    },
    async (request) => updateAgent(deps, request.actor, request.params.id, request.body),
  )

  app.delete(
    '/agents/:id',
    {
      config: { access: 'agent:delete' },
      schema: { params: Id, querystring: DeleteAgentQuery, response: { 202: Agent } },
    },
    async (request, reply) =>
      sendOutcome(reply, await remove(deps, request, request.params.id, request.query.keepData ?? false)),
  )

  for (const kind of ['start', 'restart', 'redeploy'] as const) {
    app.post(
      `/agents/:id/${kind}`,
      {
        config: { access: 'agent:operate', idempotency: 'answer' },
        schema: { params: Id, body: NoBody, response: { 202: Agent } },
      },
      async (request, reply) => sendOutcome(reply, await bringUp(deps, request, request.params.id, kind)),
    )
  }

  app.post(
    '/agents/:id/stop',
    {
      config: { access: 'agent:operate', idempotency: 'answer' },
      schema: { params: Id, body: NoBody, response: { 202: Agent } },
    },
    async (request, reply) => sendOutcome(reply, await stop(deps, request, request.params.id)),
  )

  app.post(
    '/agents/:id/sync-keys',
    {
      config: { access: 'key:sync', idempotency: 'answer' },
      schema: { params: Id, body: Type.Optional(SyncKeys), response: { 202: Agent } },
    },
    async (request, reply) =>
      sendOutcome(reply, await syncKeys(deps, request, request.params.id, request.body?.providerKeyIds)),
  )

  app.get(
    '/agents/:id/events',
    {
      config: { access: 'agent:read' },
      schema: { params: Id, querystring: AgentEventQuery, response: { 200: AgentEventPage } },
    },
    async (request) => readEvents(deps, request.actor.actor, request.params.id, request.query),
  )

  app.get(
    '/agents/:id/logs',
    {
      config: { access: 'logs:read' },
      schema: { params: Id, querystring: LogQuery, response: { 200: LogPage } },
    },
    async (request) => readLogs(deps, request.actor.actor, request.params.id, request.query),
  )

  app.get(
    '/agents/:id/metrics',
    {
      config: { access: 'agent:read' },
      schema: { params: Id, querystring: MetricsQuery, response: { 200: AgentMetrics } },
    },
    async (request) => readMetrics(deps, request.actor.actor, request.params.id, request.query),
  )
}
