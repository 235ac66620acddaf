import type { Account } from '@nora/contract/auth'
import { myAccount, rotateRefresh } from '@nora/db/accounts'
import { withActor } from '@nora/db/actor'
import { DomainError } from '@nora/domain/errors'
import type { Deps } from '../deps.ts'
import type { Transport } from '../http/credentials.ts'
import { idleSeconds, type RefreshToken, readRefreshToken, successorOf } from './tokens.ts'

export type Refreshed = { id: string; transport: Transport; user: Account; refresh: RefreshToken }

/**
 * Exchanges a refresh token for its successor. The same token again within 10 s gives the same successor; later it is
 * a sign of theft and ends the session. DomainError `unauthenticated` for anything that does not refresh, a token that
 * came another way than its session's included.
 */
export async function refreshSession(
  deps: Deps,
  text: string,
  transport: Transport,
  caller: { ip: string | null; correlationId: string },
): Promise<Refreshed> {
  const token = readRefreshToken(text)
  if (!token) throw new DomainError('unauthenticated')
  const successor = successorOf(token, deps.config.jwtSecrets[0]!)
  const rotation = await rotateRefresh(deps.db, {
    tokenHash: token.hash,
    secret: token.secret,
    successorHash: successor.hash,
    idleSeconds,
    ...caller,
  })
  const { outcome, sessionId, userId } = rotation
  if (outcome === 'invalid' || outcome === 'reuse' || rotation.transport !== transport) {
    throw new DomainError('unauthenticated')
  }
  const actor = { kind: 'session', sessionId: sessionId!, secret: token.secret, workspaceId: null } as const
  const user = await withActor(deps.db, actor, (tx) => myAccount(tx, userId!))
  return { id: sessionId!, transport, user, refresh: successor }
}
