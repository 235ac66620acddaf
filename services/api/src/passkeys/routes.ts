import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import {
  AddPasskey,
  AssertionBody,
  CreationOptions,
  Passkey,
  Passkeys,
  RecoveryCodeBody,
  RecoveryCodes,
  RenamePasskey,
  RequestOptions,
} from '@nora/contract/passkeys'
import { NoBody, Uuid } from '@nora/contract/wire'
import { withActor } from '@nora/db/actor'
import { countRecoveryCodes, myPasskeys, removePasskey, renamePasskey } from '@nora/db/passkeys'
import { DomainError } from '@nora/domain/errors'
import { Type } from 'typebox'
import type { Deps } from '../deps.ts'
import type { RequestActor } from '../http/sessions.ts'
import {
  makeRecoveryCodes,
  registerPasskey,
  registrationOptions,
  stepUpByPasskey,
  stepUpByRecoveryCode,
  stepUpOptions,
} from './own-passkeys.ts'

const NoContent = Type.Null({ description: 'No content' })
const Id = Type.Object({ id: Uuid }, { additionalProperties: false })
// A challenge is used once, a label may be set twice, new codes replace old ones: there is nothing to keep an answer for.
const once = { access: 'session', idempotency: 'none' } as const

/** One's own passkeys, the step-up by them, and the codes for who has lost them. */
export const passkeyRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  const list = async ({ actor }: RequestActor) =>
    withActor(deps.db, actor, async (tx) => ({
      items: (await myPasskeys(tx)).map(({ id, label, backedUp, createdAt, lastUsedAt }) => ({
        ...{ id, label, backedUp },
        createdAt: createdAt.toISOString(),
        lastUsedAt: lastUsedAt?.toISOString() ?? null,
      })),
      nextCursor: null,
      recoveryCodes: await countRecoveryCodes(tx),
    }))
  const one = async (who: RequestActor, id: string): Promise<Passkey> => {
    const found = (await list(who)).items.find((passkey) => passkey.id === id)
    if (!found) throw new DomainError('not-found')
    return found
  }

  app.get(
    '/auth/passkeys',
    { config: { access: 'session' }, schema: { response: { 200: Passkeys } } },
    async (request) => list(request.actor),
  )

  app.post(
    '/auth/passkeys/options',
    { config: once, schema: { body: NoBody, response: { 200: CreationOptions } } },
    async (request) => registrationOptions(deps, request.actor),
  )

  app.post(
    '/auth/passkeys',
    { config: once, schema: { body: AddPasskey, response: { 201: Passkey } } },
    async (request, reply) => {
      const { label, registration } = request.body
      const id = await registerPasskey(deps, request.actor, label, registration)
      return reply.code(201).send(await one(request.actor, id))
    },
  )

  app.patch(
    '/auth/passkeys/:id',
    {
      config: { access: 'session' },
      schema: { params: Id, body: RenamePasskey, response: { 200: Passkey } },
    },
    async (request) => {
      const { id } = request.params
      await withActor(deps.db, request.actor.actor, (tx) =>
        renamePasskey(tx, id, request.body.label, request.actor),
      )
      return one(request.actor, id)
    },
  )

  app.delete(
    '/auth/passkeys/:id',
    { config: { access: 'session' }, schema: { params: Id, response: { 204: NoContent } } },
    async (request, reply) => {
      const { actor } = request.actor
      await withActor(deps.db, actor, (tx) => removePasskey(tx, actor, request.params.id, request.actor))
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/auth/step-up/passkey/options',
    { config: once, schema: { body: NoBody, response: { 200: RequestOptions } } },
    async (request) => stepUpOptions(deps, request.actor),
  )

  app.post(
    '/auth/step-up/passkey',
    { config: once, schema: { body: AssertionBody, response: { 204: NoContent } } },
    async (request, reply) => {
      await app.limits.password(request, reply)
      await stepUpByPasskey(deps, request.actor, request.body.assertion)
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/auth/step-up/recovery-code',
    { config: once, schema: { body: RecoveryCodeBody, response: { 204: NoContent } } },
    async (request, reply) => {
      await app.limits.password(request, reply)
      await stepUpByRecoveryCode(deps, request.actor, request.body.code)
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/auth/recovery-codes',
    {
      config: { access: 'session', idempotency: 'none' },
      schema: { body: NoBody, response: { 201: RecoveryCodes } },
    },
    async (request, reply) => reply.code(201).send({ codes: await makeRecoveryCodes(deps, request.actor) }),
  )
}
