import { createHash, randomBytes } from 'node:crypto'
import type { Assertion, CreationOptions, RequestOptions } from '@nora/contract/passkeys'
import { myAccount } from '@nora/db/accounts'
import { withActor } from '@nora/db/actor'
import {
  addPasskey,
  myPasskeys,
  replaceRecoveryCodes,
  type SecondFactor,
  startChallenge,
  stepUpBySecondFactor,
  takeChallenge,
} from '@nora/db/passkeys'
import { DomainError } from '@nora/domain/errors'
import { challengeOf, verifyAssertion, verifyRegistration } from '@nora/passkeys/verify'
import type { Deps } from '../deps.ts'
import type { RequestActor } from '../http/sessions.ts'
import { apiProof } from '../oauth/api-proof.ts'
import { creationOptions, relyingParty, requestOptions } from './options.ts'
import { hashRecoveryCode, newRecoveryCodes } from './recovery-codes.ts'

const refused = () => new DomainError('passkey-refused')
/** Postgres knows challenges by this. */
export const hashChallenge = (challenge: string): Buffer =>
  createHash('sha256').update(Buffer.from(challenge, 'base64url')).digest()

/** What the browser is to ask an authenticator that is to be added. Raises NR403 `step-up-required`. */
export async function registrationOptions(deps: Deps, who: RequestActor): Promise<CreationOptions> {
  const party = relyingParty(deps)
  const challenge = randomBytes(32).toString('base64url')
  await apiProof(deps)
  return withActor(deps.db, who.actor, async (tx) => {
    await startChallenge(tx, who.actor, { hash: hashChallenge(challenge), purpose: 'register' })
    return creationOptions(party, challenge, await myAccount(tx, who.userId), await myPasskeys(tx))
  })
}

/**
 * Adds a passkey and gives its id, after the challenge it answers has been used up. DomainError `passkey-refused`; raises
 * NR403 `step-up-required`, NR409 `passkey-known`, NR422 `passkey-limit`.
 */
export async function registerPasskey(
  deps: Deps,
  who: RequestActor,
  label: string,
  registration: { response: { transports?: string[] } },
): Promise<string> {
  const party = relyingParty(deps)
  const challenge = await usedChallenge(deps, who, registration, 'register')
  const made = await verifyRegistration(party, challenge, registration)
  if (!made) throw refused()
  const transports = (registration.response.transports ?? []).filter((name) => /^[a-z-]{1,20}$/.test(name))
  const proof = await apiProof(deps)
  return withActor(deps.db, who.actor, (tx) =>
    addPasskey(tx, who.actor, proof, { ...made, transports, label }, who),
  )
}

/** What the browser is to ask to step up. DomainError `no-passkeys`. */
export async function stepUpOptions(deps: Deps, who: RequestActor): Promise<RequestOptions> {
  const party = relyingParty(deps)
  const challenge = randomBytes(32).toString('base64url')
  await apiProof(deps)
  return withActor(deps.db, who.actor, async (tx) => {
    const passkeys = await myPasskeys(tx)
    if (passkeys.length === 0) throw new DomainError('no-passkeys')
    await startChallenge(tx, who.actor, { hash: hashChallenge(challenge), purpose: 'step-up' })
    return requestOptions(party, challenge, passkeys)
  })
}

/** Steps up by a passkey. DomainError `passkey-refused`, which is audited. */
export async function stepUpByPasskey(deps: Deps, who: RequestActor, assertion: Assertion): Promise<void> {
  const party = relyingParty(deps)
  const challenge = await usedChallenge(deps, who, assertion, 'step-up')
  const passkeys = await withActor(deps.db, who.actor, (tx) => myPasskeys(tx))
  const passkey = passkeys.find(({ credentialId }) => credentialId.toString('base64url') === assertion.id)
  const shown = passkey && (await verifyAssertion(party, challenge, passkey, assertion))
  await stepUp(deps, who, passkey && shown ? { passkeyId: passkey.id, counter: shown.counter } : 'none')
}

/** Steps up by a recovery code, which is gone then. DomainError `passkey-refused`. */
export async function stepUpByRecoveryCode(deps: Deps, who: RequestActor, code: string): Promise<void> {
  await stepUp(deps, who, { codeHash: hashRecoveryCode(code) })
}

async function stepUp(deps: Deps, who: RequestActor, factor: SecondFactor): Promise<void> {
  const proof = await apiProof(deps)
  const good = await withActor(deps.db, who.actor, (tx) =>
    stepUpBySecondFactor(tx, who.actor, proof, factor, who),
  )
  if (good) return
  deps.log.warn({ alert: 'second-factor-refused', userId: who.userId }, 'a step-up was refused')
  throw refused()
}

/** Makes ten new recovery codes; what is given here is kept nowhere. */
export async function makeRecoveryCodes(deps: Deps, who: RequestActor): Promise<string[]> {
  const codes = newRecoveryCodes()
  await withActor(deps.db, who.actor, (tx) =>
    replaceRecoveryCodes(tx, who.actor, codes.map(hashRecoveryCode), who),
  )
  return codes
}

async function usedChallenge(
  deps: Deps,
  who: RequestActor,
  response: unknown,
  purpose: 'register' | 'step-up',
): Promise<string> {
  const challenge = challengeOf(response)
  if (challenge === undefined) throw refused()
  const taken = await withActor(deps.db, who.actor, (tx) =>
    takeChallenge(tx, who.actor, hashChallenge(challenge), purpose),
  )
  if (!taken) throw refused()
  return challenge
}
