import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Operation } from '@nora/contract/operations'
import { DetachedProviderKey, ForceQuery, ProviderKeyQuery } from '@nora/contract/provider-keys'
import { NoBody, Uuid } from '@nora/contract/wire'
import { withActor } from '@nora/db/actor'
import { credentialById, credentialPage } from '@nora/db/credentials'
import { operationOfCredential } from '@nora/db/operations'
import { DomainError } from '@nora/domain/errors'
import { type TSchema, Type } from 'typebox'
import { operationView } from '../agents/operation-view.ts'
import type { Deps } from '../deps.ts'
import { builtJson } from '../http/built-json.ts'
import { sendOutcome } from '../http/idempotency.ts'
import { readOnce } from '../http/sessions.ts'
import { deleteKey } from './delete-key.ts'
import type { Family } from './family.ts'
import { testKey } from './test-key.ts'

export const Id = Type.Object({ id: Uuid }, { additionalProperties: false })
const OperationId = Type.Object({ id: Uuid, opId: Uuid }, { additionalProperties: false })

export type Documents = { tag: string; Shown: TSchema; Page: TSchema; Catalog: TSchema; catalog: object }
type App = Parameters<FastifyPluginAsyncTypebox<{ deps: Deps }>>[0]

/** The calls that are the same for every kind of credential: its catalogue, reading, deleting, trying. */
export function credentialRoutes(
  app: App,
  deps: Deps,
  family: Family,
  { tag, Shown, Page, Catalog, catalog }: Documents,
): void {
  const { kind, path } = family
  const tags = [tag]

  app.get(
    `/${path}/catalog`,
    { config: { access: 'session' }, schema: { tags, response: { 200: Catalog } } },
    async () => catalog,
  )

  app.get(
    `/${path}`,
    {
      config: { access: 'key:read', oneRead: true },
      schema: { tags, querystring: ProviderKeyQuery, response: { 200: Page } },
    },
    async (request, reply) => {
      const limit = request.query.limit ?? 50
      const page = credentialPage(kind, { ...request.query, limit })
      return builtJson<unknown>(reply, await readOnce(deps, request, page))
    },
  )

  app.get(
    `/${path}/:id`,
    { config: { access: 'key:read' }, schema: { tags, params: Id, response: { 200: Shown } } },
    async (request) => {
      const { id } = request.params
      const row = await withActor(deps.db, request.actor.actor, (tx) => credentialById(tx, kind, id))
      if (!row) throw new DomainError('not-found')
      return family.view(row)
    },
  )

  app.delete(
    `/${path}/:id`,
    {
      config: { access: 'key:write', recentProof: true },
      schema: {
        tags,
        params: Id,
        querystring: ForceQuery,
        response: { 200: DetachedProviderKey, 204: Type.Null({ description: 'No agent held it' }) },
      },
    },
    async (request, reply) => {
      const { force = false } = request.query
      const detached = await deleteKey(deps, request.actor, family, request.params.id, force)
      return detached ? reply.code(200).send(detached) : reply.code(204).send(null)
    },
  )

  app.post(
    `/${path}/:id/test`,
    {
      config: { access: 'key:write', idempotency: 'answer' },
      schema: { tags, params: Id, body: NoBody, response: { 202: Operation } },
    },
    async (request, reply) => sendOutcome(reply, await testKey(deps, request, family, request.params.id)),
  )

  app.get(
    `/${path}/:id/operations/:opId`,
    {
      config: { access: 'key:read' },
      schema: { tags, params: OperationId, response: { 200: Operation } },
    },
    async (request) => {
      const { id, opId } = request.params
      const row = await withActor(deps.db, request.actor.actor, async (tx) =>
        (await credentialById(tx, kind, id)) ? operationOfCredential(tx, id, opId) : undefined,
      )
      if (!row) throw new DomainError('not-found')
      return operationView(row)
    },
  )
}
