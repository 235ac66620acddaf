import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { SignedIn } from '@nora/contract/auth'
import {
  RequestOptions,
  SecondFactorCode,
  SecondFactorPasskey,
  SecondFactorToken,
} from '@nora/contract/passkeys'
import type { FastifyRequest } from 'fastify'
import { signedIn } from '../auth/answer.ts'
import type { Deps } from '../deps.ts'
import { clientIp } from '../http/client-ip.ts'
import { refuseForeignOrigin } from '../http/csrf.ts'
import { type From, secondFactorOptions, signInByPasskey, signInByRecoveryCode } from './second-factor.ts'
import { clearSecondFactorCookie, secondFactorCookie } from './second-factor-token.ts'

/** The second half of a sign-in to an account with passkeys: no session before it. */
export const secondFactorRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  const tokenOf = (request: FastifyRequest<{ Body: { token?: string } }>) =>
    request.body.token ?? secondFactorCookie(deps.config, request)

  app.post(
    '/auth/login/passkey/options',
    { config: { access: 'public' }, schema: { body: SecondFactorToken, response: { 200: RequestOptions } } },
    async (request, reply) => {
      refuseForeignOrigin(deps.config, request)
      await app.limits.oauth(request, reply)
      return secondFactorOptions(deps, tokenOf(request))
    },
  )

  app.post(
    '/auth/login/passkey',
    { config: { access: 'public' }, schema: { body: SecondFactorPasskey, response: { 200: SignedIn } } },
    async (request, reply) => {
      refuseForeignOrigin(deps.config, request)
      await app.limits.oauth(request, reply)
      const token = tokenOf(request)
      clearSecondFactorCookie(deps.config, reply)
      const session = await signInByPasskey(deps, token, request.body.assertion, fromOf(request))
      return signedIn(app, deps, reply, session)
    },
  )

  app.post(
    '/auth/login/recovery-code',
    { config: { access: 'public' }, schema: { body: SecondFactorCode, response: { 200: SignedIn } } },
    async (request, reply) => {
      refuseForeignOrigin(deps.config, request)
      await app.limits.oauth(request, reply)
      const token = tokenOf(request)
      clearSecondFactorCookie(deps.config, reply)
      const session = await signInByRecoveryCode(deps, token, request.body.code, fromOf(request))
      return signedIn(app, deps, reply, session)
    },
  )
}

const fromOf = (request: FastifyRequest): From => ({
  ip: clientIp(request),
  userAgent: request.headers['user-agent']?.slice(0, 300) ?? null,
  correlationId: request.id,
})
