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
  const { outcome, sessionId, userId, ...rotation } = await rotateRefresh(deps.db, {
    tokenHash: token.hash,
    secret: token.secret,
    idleSeconds,
    ...caller,
  })
  if (outcome === 'reuse') {
    deps.log.warn({ alert: 'refresh-token-reused', sessionId, userId }, 'a used refresh token came again')
  }
  if (rotation.successor === null || rotation.transport !== transport) {
    throw new DomainError('unauthenticated')
  }
  const actor = { kind: 'session', sessionId: sessionId!, secret: token.secret, workspaceId: null } as const
  const user = await withActor(deps.db, actor, (tx) => myAccount(tx, userId!))
  return { id: sessionId!, transport, user, refresh: successorOf(token, rotation.successor) }
}
