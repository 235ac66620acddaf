import { randomBytes } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AssertionBody, RecoveryCodeBody, RequestOptions } from '@nora/contract/passkeys'
import { NoBody } from '@nora/contract/wire'
import { showAdminSecondFactor, startAdminChallenge, takeAdminChallenge } from '@nora/db/admin-second-factor'
import type { SecondFactor } from '@nora/db/passkeys'
import { DomainError } from '@nora/domain/errors'
import type { RelyingParty } from '@nora/passkeys/relying-party'
import { challengeOf, verifyAssertion } from '@nora/passkeys/verify'
import { Type } from 'typebox'
import type { Deps } from '../../deps.ts'
import { apiProof } from '../../oauth/api-proof.ts'
import { relyingParty, requestOptions } from '../../passkeys/options.ts'
import { hashChallenge } from '../../passkeys/own-passkeys.ts'
import { hashRecoveryCode } from '../../passkeys/recovery-codes.ts'
import type { RequestAdmin } from '../session.ts'

const NoContent = Type.Null({ description: 'No content' })
// A challenge and a code are used once: there is nothing to keep an answer for.
const config = { access: 'platform-admin', beforeSecondFactor: true, idempotency: 'none' } as const

/** The passkey or recovery code of an admin who has passkeys: after sign-in, and as their step-up. */
export const adminSecondFactorRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  const show = async (admin: RequestAdmin, factor: SecondFactor) => {
    if (await showAdminSecondFactor(deps.db, admin.proof, await apiProof(deps), factor, admin)) return
    deps.log.warn({ alert: 'second-factor-refused', userId: admin.userId }, 'a second factor was refused')
    throw new DomainError('passkey-refused')
  }

  app.post(
    '/second-factor/options',
    { config, schema: { body: NoBody, response: { 200: RequestOptions } } },
    async (request) => {
      const party = adminParty(deps)
      const challenge = randomBytes(32).toString('base64url')
      const passkeys = await startAdminChallenge(deps.db, request.admin.proof, hashChallenge(challenge))
      if (passkeys.length === 0) throw new DomainError('no-passkeys')
      return requestOptions(party, challenge, passkeys)
    },
  )

  app.post(
    '/second-factor/passkey',
    { config, schema: { body: AssertionBody, response: { 204: NoContent } } },
    async (request, reply) => {
      await app.limits.password(request, reply)
      const { assertion } = request.body
      const party = adminParty(deps)
      const challenge = challengeOf(assertion) ?? ''
      const passkeys = await takeAdminChallenge(deps.db, request.admin.proof, hashChallenge(challenge))
      const passkey = passkeys.find(({ credentialId }) => credentialId.toString('base64url') === assertion.id)
      const shown = passkey && (await verifyAssertion(party, challenge, passkey, assertion))
      await show(request.admin, passkey && shown ? { passkeyId: passkey.id, counter: shown.counter } : 'none')
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/second-factor/recovery-code',
    { config, schema: { body: RecoveryCodeBody, response: { 204: NoContent } } },
    async (request, reply) => {
      await app.limits.password(request, reply)
      await show(request.admin, { codeHash: hashRecoveryCode(request.body.code) })
      return reply.code(204).send(null)
    },
  )
}

/**
 * Passkeys are of the host of NORA_PUBLIC_URL; the admin app uses them at its own origin where that is on this host or below it
 * (WebAuthn 5.1.2). DomainError `passkeys-unavailable` elsewhere: recovery codes work everywhere.
 */
function adminParty(deps: Deps): RelyingParty {
  const { id } = relyingParty(deps)
  const origin = deps.config.adminUrl ?? deps.config.publicUrl
  const { hostname } = new URL(origin)
  if (hostname !== id && !hostname.endsWith(`.${id}`)) throw new DomainError('passkeys-unavailable')
  return { id, origin }
}
