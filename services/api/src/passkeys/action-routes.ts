import { randomBytes } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ActionOptionsBody, type Assertion, AssertionBody, RequestOptions } from '@nora/contract/passkeys'
import { keepWord } from '@nora/db/action-words'
import { withActor } from '@nora/db/actor'
import { myPasskeys, startChallenge, takeChallenge } from '@nora/db/passkeys'
import { DomainError } from '@nora/domain/errors'
import { actionChallenge, type PasskeyAction } from '@nora/passkeys/action-challenge'
import { challengeOf, verifyAssertion } from '@nora/passkeys/verify'
import { Type } from 'typebox'
import type { Deps } from '../deps.ts'
import { apiProof } from '../oauth/api-proof.ts'
import { relyingParty, requestOptions } from './options.ts'
import { hashChallenge } from './own-passkeys.ts'

const NoContent = Type.Null({ description: 'No content' })
// Each challenge is used once: there is nothing to keep an answer for.
const once = { access: 'session', idempotency: 'none' } as const

/**
 * A passkey's word for one action on one thing, which the worker checks again by itself before it does it. Whether the caller
 * may do it at all is asked where it is done.
 */
export const passkeyActionRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  app.post(
    '/auth/passkeys/actions/options',
    { config: once, schema: { body: ActionOptionsBody, response: { 200: RequestOptions } } },
    async (request) => {
      const { action, targetId } = request.body
      const { actor, userId } = request.actor
      const party = relyingParty(deps)
      const nonce = randomBytes(32)
      const challenge = actionChallenge({ action, targetId, userId, nonce })
      return withActor(deps.db, actor, async (tx) => {
        const passkeys = await myPasskeys(tx)
        if (passkeys.length === 0) throw new DomainError('no-passkeys')
        const target = { action, targetId, nonce }
        await startChallenge(tx, actor, { hash: hashChallenge(challenge), purpose: 'action', target })
        return requestOptions(party, challenge, passkeys)
      })
    },
  )

  app.post(
    '/auth/passkeys/actions',
    { config: once, schema: { body: AssertionBody, response: { 204: NoContent } } },
    async (request, reply) => {
      await app.limits.password(request, reply)
      const { assertion } = request.body
      const { actor, userId } = request.actor
      const party = relyingParty(deps)
      const given = challengeOf(assertion)
      const challengeHash = hashChallenge(given ?? '')
      const taken = await withActor(deps.db, actor, (tx) => takeChallenge(tx, actor, challengeHash, 'action'))
      const { action, targetId, nonce } = taken ?? {}
      if (!action || !targetId || !nonce) throw new DomainError('passkey-refused')
      const challenge = actionChallenge({ action: action as PasskeyAction, targetId, userId, nonce })
      const passkeys = await withActor(deps.db, actor, (tx) => myPasskeys(tx))
      const passkey = passkeys.find(({ credentialId }) => credentialId.toString('base64url') === assertion.id)
      const shown = passkey && (await verifyAssertion(party, challenge, passkey, assertion))
      if (!passkey || !shown) throw new DomainError('passkey-refused')
      const word = {
        ...{ action, targetId, nonce, assertion: signedPart(assertion) },
        ...{ passkeyId: passkey.id, counter: shown.counter },
      }
      const proof = await apiProof(deps)
      if (!(await withActor(deps.db, actor, (tx) => keepWord(tx, actor, proof, word, request.actor)))) {
        throw new DomainError('passkey-refused')
      }
      return reply.code(204).send(null)
    },
  )
}

/** What the signature is over, and nothing else that came along: extensions have no end, and the worker reads none. */
function signedPart({ id, rawId, type, response }: Assertion): Assertion {
  const { clientDataJSON, authenticatorData, signature } = response
  return {
    ...{ id, rawId, type, clientExtensionResults: {} },
    response: { clientDataJSON, authenticatorData, signature },
  }
}
