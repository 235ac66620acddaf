import { createHash } from 'node:crypto'
import type { Account } from '@nora/contract/auth'
import type { Assertion, RequestOptions } from '@nora/contract/passkeys'
import { myAccount } from '@nora/db/accounts'
import { withActor } from '@nora/db/actor'
import { finishSecondFactor, type SecondFactor, secondFactorPasskeys } from '@nora/db/passkeys'
import { DomainError } from '@nora/domain/errors'
import { verifyAssertion } from '@nora/passkeys/verify'
import { absoluteSeconds, idleSeconds, newRefreshToken, type RefreshToken } from '../auth/tokens.ts'
import type { Deps } from '../deps.ts'
import type { Transport } from '../http/credentials.ts'
import { apiProof } from '../oauth/api-proof.ts'
import { relyingParty, requestOptions } from './options.ts'
import { hashRecoveryCode } from './recovery-codes.ts'
import { readSecondFactorToken, type SecondFactorToken } from './second-factor-token.ts'

export type From = { ip: string | null; userAgent: string | null; correlationId: string }
export type SecondSession = { id: string; transport: Transport; user: Account; refresh: RefreshToken }

const invalid = () => new DomainError('second-factor-invalid')

function tokenOf(text: string | undefined): SecondFactorToken {
  const token = readSecondFactorToken(text)
  if (!token) throw invalid()
  return token
}

/** What the browser is to ask its authenticator. DomainError `passkeys-unavailable`; raises NR401 `second-factor-invalid`. */
export async function secondFactorOptions(deps: Deps, text: string | undefined): Promise<RequestOptions> {
  const token = tokenOf(text)
  const passkeys = await secondFactorPasskeys(deps.db, token.secret, false)
  return requestOptions(relyingParty(deps), token.challenge, passkeys)
}

/** Finishes a sign-in by a passkey. The token is used up before anything is looked at. DomainError `second-factor-invalid`. */
export async function signInByPasskey(
  deps: Deps,
  text: string | undefined,
  assertion: Assertion,
  from: From,
): Promise<SecondSession> {
  const token = tokenOf(text)
  const party = relyingParty(deps)
  const passkeys = await secondFactorPasskeys(deps.db, token.secret, true)
  const passkey = passkeys.find(({ credentialId }) => credentialId.toString('base64url') === assertion.id)
  const shown = passkey && (await verifyAssertion(party, token.challenge, passkey, assertion))
  const factor = passkey && shown ? { passkeyId: passkey.id, counter: shown.counter } : ('none' as const)
  return finish(deps, token, factor, from)
}

/** The same by a recovery code, which works once. */
export async function signInByRecoveryCode(
  deps: Deps,
  text: string | undefined,
  code: string,
  from: From,
): Promise<SecondSession> {
  const token = tokenOf(text)
  await secondFactorPasskeys(deps.db, token.secret, true)
  return finish(deps, token, { codeHash: hashRecoveryCode(code) }, from)
}

async function finish(
  deps: Deps,
  token: SecondFactorToken,
  factor: SecondFactor,
  from: From,
): Promise<SecondSession> {
  const refresh = newRefreshToken()
  const opened = await finishSecondFactor(
    deps.db,
    { token: token.secret, apiProof: await apiProof(deps), factor },
    {
      secretHash: createHash('sha256').update(refresh.secret).digest(),
      refreshHash: refresh.hash,
      idleSeconds,
      absoluteSeconds,
    },
    from,
  )
  if (!opened) {
    deps.log.warn({ alert: 'second-factor-refused' }, 'a second factor with the right first one was refused')
    throw invalid()
  }
  const { sessionId, userId, transport } = opened
  const actor = { kind: 'session', sessionId, secret: refresh.secret, workspaceId: null } as const
  const user = await withActor(deps.db, actor, (tx) => myAccount(tx, userId))
  return { id: sessionId, transport, user, refresh }
}
