import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Agent } from '@nora/contract/agents'
import { Operation } from '@nora/contract/operations'
import { providerCatalog } from '@nora/contract/provider-catalog'
import {
  CreateProviderKey,
  DetachedProviderKey,
  ForceQuery,
  ProviderCatalog,
  ProviderKey,
  ProviderKeyPage,
  ProviderKeyQuery,
  ReplaceProviderKey,
  SyncProviderKeys,
  UpdateProviderKey,
} from '@nora/contract/provider-keys'
import { NoBody, Uuid } from '@nora/contract/wire'
import { withActor } from '@nora/db/actor'
import { credentialById, credentialPage } from '@nora/db/credentials'
import { jsonPage } from '@nora/db/cursor'
import { operationOfCredential } from '@nora/db/operations'
import { DomainError } from '@nora/domain/errors'
import { Type } from 'typebox'
import { operationView } from '../agents/operation-view.ts'
import { syncKeys } from '../agents/sync-keys.ts'
import type { Deps } from '../deps.ts'
import { builtJson } from '../http/built-json.ts'
import { sendOutcome } from '../http/idempotency.ts'
import { readOnce } from '../http/sessions.ts'
import { createKey } from './create-key.ts'
import { deleteKey } from './delete-key.ts'
import { keyView, providerView } from './key-view.ts'
import { replaceKey } from './replace-key.ts'
import { testKey } from './test-key.ts'

const Id = Type.Object({ id: Uuid }, { additionalProperties: false })
const OperationId = Type.Object({ id: Uuid, opId: Uuid }, { additionalProperties: false })
const catalog = { items: providerCatalog.map(providerView) }

/** `llm-providers`: keys of model providers. What is stored is sealed; what is shown is metadata. */
export const providerKeyRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  app.get(
    '/llm-providers/catalog',
    { config: { access: 'session' }, schema: { response: { 200: ProviderCatalog } } },
    async () => catalog,
  )

  app.post(
    '/llm-providers',
    {
      config: { access: 'key:write', idempotency: 'answer' },
      schema: { body: CreateProviderKey, response: { 201: ProviderKey } },
    },
    async (request, reply) => sendOutcome(reply, await createKey(deps, request, request.body)),
  )

  app.get(
    '/llm-providers',
    {
      config: { access: 'key:read', oneRead: true },
      schema: { querystring: ProviderKeyQuery, response: { 200: ProviderKeyPage } },
    },
    async (request, reply) => {
      const limit = request.query.limit ?? 50
      const rows = await readOnce(deps, request, credentialPage('llm', { ...request.query, limit }))
      return builtJson<ProviderKeyPage>(reply, jsonPage(rows, limit))
    },
  )

  app.get(
    '/llm-providers/:id',
    { config: { access: 'key:read' }, schema: { params: Id, response: { 200: ProviderKey } } },
    async (request) => {
      const { id } = request.params
      const row = await withActor(deps.db, request.actor.actor, (tx) => credentialById(tx, 'llm', id))
      if (!row) throw new DomainError('not-found')
      return keyView(row)
    },
  )

  app.put(
    '/llm-providers/:id',
    {
      config: { access: 'key:write' },
      schema: {
        params: Id,
        querystring: ForceQuery,
        body: ReplaceProviderKey,
        response: { 200: ProviderKey },
      },
    },
    async (request) =>
      replaceKey(deps, request.actor, request.params.id, request.body, request.query.force ?? false),
  )

  app.patch(
    '/llm-providers/:id',
    {
      config: { access: 'key:write' },
      schema: {
        params: Id,
        querystring: ForceQuery,
        body: UpdateProviderKey,
        response: { 200: ProviderKey },
      },
    },
    async (request) =>
      replaceKey(deps, request.actor, request.params.id, request.body, request.query.force ?? false),
  )

  app.delete(
    '/llm-providers/:id',
    {
      config: { access: 'key:write' },
      schema: {
        params: Id,
        querystring: ForceQuery,
        response: { 200: DetachedProviderKey, 204: Type.Null({ description: 'No agent held it' }) },
      },
    },
    async (request, reply) => {
      const { force = false } = request.query
      const detached = await deleteKey(deps, request.actor, request.params.id, force)
      return detached ? reply.code(200).send(detached) : reply.code(204).send(null)
    },
  )

  app.post(
    '/llm-providers/:id/test',
    {
      config: { access: 'key:write', idempotency: 'answer' },
      schema: { params: Id, body: NoBody, response: { 202: Operation } },
    },
    async (request, reply) => sendOutcome(reply, await testKey(deps, request, request.params.id)),
  )

  app.get(
    '/llm-providers/:id/operations/:opId',
    { config: { access: 'key:read' }, schema: { params: OperationId, response: { 200: Operation } } },
    async (request) => {
      const { id, opId } = request.params
      const row = await withActor(deps.db, request.actor.actor, async (tx) =>
        (await credentialById(tx, 'llm', id)) ? operationOfCredential(tx, id, opId) : undefined,
      )
      if (!row) throw new DomainError('not-found')
      return operationView(row)
    },
  )

  app.post(
    '/llm-providers/sync',
    {
      config: { access: 'key:sync', idempotency: 'answer' },
      schema: { body: SyncProviderKeys, response: { 202: Agent } },
    },
    async (request, reply) =>
      sendOutcome(reply, await syncKeys(deps, request, request.body.agentId, undefined)),
  )
}
