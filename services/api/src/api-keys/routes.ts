import { randomUUID } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import {
  type ApiKey,
  ApiKeyPage,
  ApiKeyQuery,
  CreateApiKey,
  NewApiKey,
  RotateApiKey,
} from '@nora/contract/api-keys'
import { Uuid } from '@nora/contract/wire'
import { hashHubProof, hubKeyPrefix, hubKeyProver, newHubKey, newPublicId } from '@nora/crypto/hub-keys'
import { withActor } from '@nora/db/actor'
import {
  type ApiKeyRow,
  apiKeyById,
  createApiKey,
  listApiKeys,
  revokeApiKey,
  rotateApiKey,
} from '@nora/db/api-keys'
import { DomainError } from '@nora/domain/errors'
import { Type } from 'typebox'
import type { Deps } from '../deps.ts'
import { idempotently, sendOutcome } from '../http/idempotency.ts'
import { checkCidrs, expiryOf } from './check-key.ts'

const Id = Type.Object({ id: Uuid }, { additionalProperties: false })
const KeyId = Type.Object({ id: Uuid, keyId: Uuid }, { additionalProperties: false })
const usualGraceHours = 24

/** `workspaces/:id/api-keys`: the keys with which programs act at agent-hub. The rules are functions of migrations/0019-hub-keys.sql. */
export const apiKeyRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  const prove = hubKeyProver(deps.hubPeppers[0]!)
  const hashOf = (key: string) => hashHubProof(prove(key))

  app.get(
    '/workspaces/:id/api-keys',
    {
      config: { access: 'api-key:manage', workspaceParam: 'id' },
      schema: { params: Id, querystring: ApiKeyQuery, response: { 200: ApiKeyPage } },
    },
    async (request) => {
      const { limit = 50, cursor } = request.query
      const page = await withActor(deps.db, request.actor.actor, (tx) =>
        listApiKeys(tx, { limit, ...(cursor !== undefined && { cursor }) }),
      )
      return { items: page.rows.map(wire), nextCursor: page.nextCursor }
    },
  )

  app.post(
    '/workspaces/:id/api-keys',
    {
      config: { access: 'api-key:manage', workspaceParam: 'id', idempotency: 'credential' },
      schema: { params: Id, body: CreateApiKey, response: { 201: NewApiKey } },
    },
    async (request, reply) => {
      const { actor, workspaceId } = request.actor
      const { name, scopes, allowedCidrs = [] } = request.body
      checkCidrs(allowedCidrs)
      const expiresAt = expiryOf(request.body.expiresAt, deps.clock())
      const [id, publicId] = [randomUUID(), newPublicId()]
      const key = newHubKey(publicId)
      const wanted = { id, publicId, hash: hashOf(key), name, scopes, allowedCidrs, expiresAt }
      const outcome = await idempotently(deps, request, async (tx) => {
        await createApiKey(tx, actor, wanted, request.actor)
        const location = `/api/workspaces/${workspaceId}/api-keys/${id}`
        return { status: 201, location, body: { ...wire((await apiKeyById(tx, id))!), key } }
      })
      return sendOutcome(reply, outcome)
    },
  )

  app.post(
    '/workspaces/:id/api-keys/:keyId/rotate',
    {
      config: { access: 'api-key:manage', workspaceParam: 'id', idempotency: 'credential' },
      schema: { params: KeyId, body: RotateApiKey, response: { 200: NewApiKey } },
    },
    async (request, reply) => {
      const { actor } = request.actor
      const id = request.params.keyId
      const { graceHours = usualGraceHours } = request.body
      const outcome = await idempotently(deps, request, async (tx) => {
        const row = await apiKeyById(tx, id)
        if (!row) throw new DomainError('not-found')
        const key = newHubKey(row.public_id)
        await rotateApiKey(tx, actor, { id, hash: hashOf(key), graceHours }, request.actor)
        return { status: 200, body: { ...wire(row), key } }
      })
      return sendOutcome(reply, outcome)
    },
  )

  app.delete(
    '/workspaces/:id/api-keys/:keyId',
    {
      config: { access: 'api-key:manage', workspaceParam: 'id' },
      schema: { params: KeyId, response: { 204: Type.Null({ description: 'It has ended' }) } },
    },
    async (request, reply) => {
      await withActor(deps.db, request.actor.actor, (tx) =>
        revokeApiKey(tx, request.params.keyId, request.actor),
      )
      return reply.code(204).send(null)
    },
  )
}

const wire = (row: ApiKeyRow): ApiKey => ({
  id: row.id,
  name: row.name,
  prefix: hubKeyPrefix(row.public_id),
  scopes: row.scopes,
  allowedCidrs: row.allowed_cidrs,
  createdBy: row.created_by,
  createdAt: row.created_at.toISOString(),
  expiresAt: row.expires_at.toISOString(),
  lastUsedAt: row.last_used_at?.toISOString() ?? null,
})
