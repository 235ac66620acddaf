import { sessionOfRefresh } from '@nora/db/accounts'
import { type SessionActor, withActor } from '@nora/db/actor'
import { audit } from '@nora/db/audit'
import { revokeSession } from '@nora/db/sessions'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Deps } from '../deps.ts'
import { clientIp } from '../http/client-ip.ts'
import { readCredential, refreshCookie } from '../http/credentials.ts'
import { requireCsrf } from '../http/csrf.ts'
import { readRefreshToken } from './tokens.ts'

/**
 * Ends the session that the request shows by its access token or, when that has run out, by its refresh token. A cookie
 * session proves that its own page asks (DomainError `csrf-failed`). Nothing to end is no error.
 */
export async function logOut(
  app: FastifyInstance,
  deps: Deps,
  request: FastifyRequest,
  bodyToken: string | undefined,
): Promise<void> {
  const actor = await sessionOf(app, deps, request, bodyToken)
  if (!actor) return
  await withActor(deps.db, actor, async (tx, entered) => {
    await revokeSession(tx, actor.sessionId, 'signed out')
    await audit(tx, {
      type: 'SIGNED_OUT',
      actor: { kind: 'user', id: entered.userId },
      workspaceId: entered.workspaceId,
      target: { kind: 'session', id: actor.sessionId },
      ip: clientIp(request),
      correlationId: request.id,
    })
  })
}

async function sessionOf(
  app: FastifyInstance,
  deps: Deps,
  request: FastifyRequest,
  bodyToken: string | undefined,
): Promise<SessionActor | undefined> {
  const credential = readCredential(deps.config, request)
  const claims = credential && app.accessTokens.verify(credential.token)
  if (claims && claims.transport === credential.transport) {
    if (claims.transport === 'cookie') requireCsrf(deps.config, request, claims.sessionId)
    return { kind: 'session', sessionId: claims.sessionId, secret: claims.secret, workspaceId: null }
  }
  const text = bodyToken ?? refreshCookie(deps.config, request)
  const token = text === undefined ? undefined : readRefreshToken(text)
  const sessionId = token && (await sessionOfRefresh(deps.db, token.hash, token.secret))
  if (!sessionId) return undefined
  if (bodyToken === undefined) requireCsrf(deps.config, request, sessionId)
  return { kind: 'session', sessionId, secret: token.secret, workspaceId: null }
}
