import { createHash } from 'node:crypto'
import type { Account } from '@nora/contract/auth'
import { myAccount } from '@nora/db/accounts'
import { withActor } from '@nora/db/actor'
import { linkIdentity, signInByIdentity, stepUpByIdentity } from '@nora/db/identities'
import { DomainError } from '@nora/domain/errors'
import { absoluteSeconds, idleSeconds, newRefreshToken, type RefreshToken } from '../auth/tokens.ts'
import type { Deps } from '../deps.ts'
import { newSecondFactorToken, type SecondFactorToken } from '../passkeys/second-factor-token.ts'
import { apiProof } from './api-proof.ts'
import type { Confirmed } from './confirm.ts'
import type { Flow } from './flow.ts'

export type From = { ip: string | null; userAgent: string | null; correlationId: string }
type Came = { provider: string; flow: Flow; who: Confirmed }

const endOf = async (deps: Deps, { provider, flow, who }: Came) => ({
  ...{ flow: flow.secret, provider, apiProof: await apiProof(deps) },
  ...{ issuer: who.issuer, subject: who.subject, email: who.email },
})

/**
 * Opens a session for whom the provider named, or says which token asks for their second factor. DomainError with the code
 * of the refusal.
 */
export async function finishSignIn(
  deps: Deps,
  came: Came,
  from: From,
): Promise<{ id: string; user: Account; refresh: RefreshToken } | { secondFactor: SecondFactorToken }> {
  const refresh = newRefreshToken()
  const token = newSecondFactorToken()
  const { outcome, sessionId, userId } = await signInByIdentity(
    deps.db,
    { ...(await endOf(deps, came)), name: came.who.name, signupEnabled: deps.config.signupEnabled },
    {
      tokenHash: token.hash,
      secretHash: createHash('sha256').update(refresh.secret).digest(),
      refreshHash: refresh.hash,
      idleSeconds,
      absoluteSeconds,
    },
    from,
  )
  if (outcome === 'second-factor-required') return { secondFactor: token }
  if (sessionId === null || userId === null) throw new DomainError(outcome as Refusal)
  const actor = { kind: 'session', sessionId, secret: refresh.secret, workspaceId: null } as const
  const user = await withActor(deps.db, actor, (tx) => myAccount(tx, userId))
  return { id: sessionId, user, refresh }
}

type Refusal = Exclude<
  Awaited<ReturnType<typeof signInByIdentity>>['outcome'],
  'signed-in' | 'created' | 'second-factor-required'
>

/** Links to the account whose session began this. DomainError `identity-taken`. */
export async function finishLink(deps: Deps, came: Came, from: From): Promise<void> {
  const outcome = await linkIdentity(deps.db, await endOf(deps, came), from)
  if (outcome !== 'linked') throw new DomainError(outcome)
}

/** Raises the session that began this. DomainError with the code of the refusal. */
export async function finishStepUp(deps: Deps, came: Came, from: From): Promise<void> {
  const end = { ...(await endOf(deps, came)), authTime: came.who.authTime }
  const outcome = await stepUpByIdentity(deps.db, end, from)
  if (outcome !== 'stepped-up') throw new DomainError(outcome)
}
