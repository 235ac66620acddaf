import type { Account, SignedIn } from '@nora/contract/auth'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Deps } from '../deps.ts'
import { accessTokenSeconds } from '../http/access-tokens.ts'
import { setSessionCookies, type Transport } from '../http/credentials.ts'
import { csrfToken } from '../http/csrf.ts'
import { idleSeconds, type RefreshToken } from './tokens.ts'

/** What sign-in and refresh answer: cookies and the CSRF token, or for `bearer` the tokens and no cookie. */
export function signedIn(
  app: FastifyInstance,
  deps: Deps,
  reply: FastifyReply,
  session: { id: string; transport: Transport; user: Account; refresh: RefreshToken },
): SignedIn {
  const { id, transport, user, refresh } = session
  const access = app.accessTokens.sign({ userId: user.id, sessionId: id, secret: refresh.secret, transport })
  const answer = { user, csrfToken: csrfToken(deps.config, id) }
  if (transport === 'bearer') {
    return { ...answer, accessToken: access, refreshToken: refresh.text, expiresIn: accessTokenSeconds }
  }
  setSessionCookies(deps.config, reply, {
    access,
    accessSeconds: accessTokenSeconds,
    refresh: refresh.text,
    refreshSeconds: idleSeconds,
  })
  return answer
}
