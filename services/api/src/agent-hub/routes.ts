import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { LogPage, LogQuery } from '@nora/contract/agent-history'
import { CatalogEntry, CatalogPage, HubMe } from '@nora/contract/agent-hub'
import { AgentMetrics, MetricsQuery } from '@nora/contract/agent-metrics'
import { Agent, AgentPage, AgentQuery, CreateAgent, DeleteAgentQuery, SyncKeys } from '@nora/contract/agents'
import { NoBody, Uuid } from '@nora/contract/wire'
import { withActor } from '@nora/db/actor'
import { agentById, agentPage } from '@nora/db/agent-reads'
import { DomainError } from '@nora/domain/errors'
import { Type } from 'typebox'
import { createAgent } from '../agents/create-agent.ts'
import { createTurns } from '../agents/in-turn.ts'
import { bringUp, remove, stop } from '../agents/lifecycle.ts'
import { readLogs } from '../agents/read-logs.ts'
import { readMetrics } from '../agents/read-metrics.ts'
import { syncKeys } from '../agents/sync-keys.ts'
import type { Deps } from '../deps.ts'
import { builtJson } from '../http/built-json.ts'
import { sendOutcome } from '../http/idempotency.ts'
import { readOnce } from '../http/sessions.ts'
import { invokeRoutes } from '../invoke/routes.ts'
import { installHubAuthentication, requireScope } from './authenticate.ts'
import { catalog, catalogEntry } from './catalog.ts'
import { hubMe } from './me.ts'

const Id = Type.Object({ id: Uuid }, { additionalProperties: false })
const EntryId = Type.Object(
  { id: Type.String({ minLength: 1, maxLength: 64 }) },
  { additionalProperties: false },
)

/** `agent-hub`: what programs do with a workspace API key. The same commands as a person's; another door. */
export const agentHubRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  installHubAuthentication(app, deps)
  const inTurn = createTurns()
  await app.register(invokeRoutes, { deps, access: 'hub:agents:invoke' })

  app.get('/me', { config: { access: 'hub' }, schema: { response: { 200: HubMe } } }, async (request) =>
    hubMe(deps, request.caller),
  )

  app.get(
    '/agents',
    {
      config: { access: 'hub:agents:read' },
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
    { config: { access: 'hub:agents:read' }, schema: { params: Id, response: { 200: Agent } } },
    async (request) => {
      const agent = await withActor(deps.db, request.caller.actor, (tx) => agentById(tx, request.params.id))
      if (!agent) throw new DomainError('not-found')
      return agent
    },
  )

  app.post(
    '/agents',
    {
      config: { access: 'hub:agents:write', idempotency: 'answer' },
      schema: { body: CreateAgent, response: { 202: Agent } },
    },
    async (request, reply) => {
      // Giving keys to a program of its own choice is more than making an agent.
      if (request.body.providerKeyIds?.length) requireScope(request, 'keys:sync')
      return sendOutcome(reply, await createAgent(deps, inTurn, request, request.body))
    },
  )

  app.delete(
    '/agents/:id',
    {
      config: { access: 'hub:agents:write' },
      schema: { params: Id, querystring: DeleteAgentQuery, response: { 202: Agent } },
    },
    async (request, reply) =>
      sendOutcome(reply, await remove(deps, request, request.params.id, request.query.keepData ?? false)),
  )

  for (const kind of ['start', 'restart'] as const) {
    app.post(
      `/agents/:id/${kind}`,
      {
        config: { access: 'hub:agents:write', idempotency: 'answer' },
        schema: { params: Id, body: NoBody, response: { 202: Agent } },
      },
      async (request, reply) => sendOutcome(reply, await bringUp(deps, request, request.params.id, kind)),
    )
  }

  app.post(
    '/agents/:id/stop',
    {
      config: { access: 'hub:agents:write', idempotency: 'answer' },
      schema: { params: Id, body: NoBody, response: { 202: Agent } },
    },
    async (request, reply) => sendOutcome(reply, await stop(deps, request, request.params.id)),
  )

  app.post(
    '/agents/:id/sync-keys',
    {
      config: { access: 'hub:keys:sync', idempotency: 'answer' },
      schema: { params: Id, body: Type.Optional(SyncKeys), response: { 202: Agent } },
    },
    async (request, reply) =>
      sendOutcome(reply, await syncKeys(deps, request, request.params.id, request.body?.providerKeyIds)),
  )

  app.get(
    '/agents/:id/logs',
    {
      config: { access: 'hub:logs:read' },
      schema: { params: Id, querystring: LogQuery, response: { 200: LogPage } },
    },
    async (request) => readLogs(deps, request.caller.actor, request.params.id, request.query),
  )

  app.get(
    '/agents/:id/metrics',
    {
      config: { access: 'hub:metrics:read' },
      schema: { params: Id, querystring: MetricsQuery, response: { 200: AgentMetrics } },
    },
    async (request) => readMetrics(deps, request.caller.actor, request.params.id, request.query),
  )

  app.get(
    '/catalog',
    { config: { access: 'hub:catalog:read' }, schema: { response: { 200: CatalogPage } } },
    async () => ({ items: catalog(), nextCursor: null }),
  )

  app.get(
    '/catalog/:id',
    { config: { access: 'hub:catalog:read' }, schema: { params: EntryId, response: { 200: CatalogEntry } } },
    async (request) => {
      const entry = catalogEntry(request.params.id)
      if (!entry) throw new DomainError('not-found')
      return entry
    },
  )
}
