import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import {
  BootstrapStatus,
  LoginBody,
  PasswordBody,
  RefreshBody,
  SignedIn,
  SignUpAccepted,
  SignUpBody,
  SignUpOptions,
  StepUpBody,
  signUpAction,
} from '@nora/contract/auth'
import { SecondFactorRequired } from '@nora/contract/passkeys'
import { isClaimed } from '@nora/db/accounts'
import { DomainError } from '@nora/domain/errors'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { reportSlowed } from '../audit/report.ts'
import type { Deps } from '../deps.ts'
import { clientIp } from '../http/client-ip.ts'
import { clearSessionCookies, refreshCookie } from '../http/credentials.ts'
import { refuseForeignOrigin, requireOwnOrigin } from '../http/csrf.ts'
import { addressOf } from '../http/limits.ts'
import { secondFactorSeconds } from '../passkeys/second-factor-token.ts'
import { signedIn } from './answer.ts'
import { changeOwnPassword } from './change-password.ts'
import { logIn } from './login.ts'
import { loginBackoff } from './login-backoff.ts'
import { logOut } from './logout.ts'
import { refreshSession } from './refresh.ts'
import { signUpAccount } from './sign-up.ts'
import { stepUpSession } from './step-up.ts'
import { captchaCheck } from './verify-captcha.ts'

/** Hashing takes its turn behind others; nobody waits longer than this for an answer. */
const hashDeadlineMs = 10_000
const NoContent = Type.Null({ description: 'No content' })

export const authRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  const backoff = loginBackoff(deps)
  const captcha = captchaCheck(deps)

  app.get(
    '/auth/bootstrap-status',
    { config: { access: 'public' }, schema: { response: { 200: BootstrapStatus } } },
    async () => ({ claimed: await isClaimed(deps.db) }),
  )

  app.get(
    '/auth/signup-options',
    { config: { access: 'public' }, schema: { response: { 200: SignUpOptions } } },
    async () => {
      const { signupEnabled, botProtection } = deps.config
      const shown = botProtection && { provider: botProtection.provider, siteKey: botProtection.siteKey }
      return { signupEnabled, captcha: shown ? { ...shown, action: signUpAction } : null }
    },
  )

  app.post(
    '/auth/signup',
    { config: { access: 'public' }, schema: { body: SignUpBody, response: { 202: SignUpAccepted } } },
    async (request, reply) => {
      refuseForeignOrigin(deps.config, request)
      await app.limits.signupBurst(request, reply)
      await app.limits.signupDaily(request, reply)
      const signal = AbortSignal.timeout(hashDeadlineMs)
      await signUpAccount(deps, request.body, callerOf(request), { captcha, signal })
      return reply.code(202).send({ status: 'accepted' })
    },
  )

  app.post(
    '/auth/login',
    {
      config: { access: 'public' },
      schema: { body: LoginBody, response: { 200: SignedIn, 202: SecondFactorRequired } },
    },
    async (request, reply) => {
      refuseForeignOrigin(deps.config, request)
      const { email, transport = 'cookie' } = request.body
      await backoff.admit(email, addressOf(request), () => void reportSlowed(deps, email, callerOf(request)))
      const caller = { ...callerOf(request), userAgent: request.headers['user-agent']?.slice(0, 300) ?? null }
      const deadline = AbortSignal.timeout(hashDeadlineMs)
      const loggedIn = await logIn(deps, request.body, caller, deadline)
      await backoff.succeeded(email, addressOf(request))
      if ('secondFactor' in loggedIn) {
        const expiresAt = new Date(deps.clock() + secondFactorSeconds * 1000).toISOString()
        const { text } = loggedIn.secondFactor
        return reply.code(202).send({ status: 'second-factor-required', token: text, expiresAt })
      }
      const { sessionId, user, refresh } = loggedIn
      return signedIn(app, deps, reply, { id: sessionId, transport, user, refresh })
    },
  )

  app.post(
    '/auth/refresh',
    { config: { access: 'public' }, schema: { body: RefreshBody, response: { 200: SignedIn } } },
    async (request, reply) => {
      const inBody = request.body.refreshToken
      const inCookie = refreshCookie(deps.config, request)
      if (inBody !== undefined && inCookie !== undefined) throw new DomainError('conflicting-credentials')
      if (inBody === undefined) requireOwnOrigin(deps.config, request)
      const transport = inBody === undefined ? 'cookie' : 'bearer'
      const token = inBody ?? inCookie
      if (token === undefined) throw new DomainError('unauthenticated')
      try {
        return signedIn(app, deps, reply, await refreshSession(deps, token, transport, callerOf(request)))
      } catch (error) {
        const refused = error instanceof DomainError && error.code === 'unauthenticated'
        if (refused && transport === 'cookie') clearSessionCookies(deps.config, reply)
        throw error
      }
    },
  )

  app.post(
    '/auth/logout',
    { config: { access: 'public' }, schema: { body: RefreshBody, response: { 204: NoContent } } },
    async (request, reply) => {
      await logOut(app, deps, request, request.body.refreshToken)
      clearSessionCookies(deps.config, reply)
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/auth/step-up',
    {
      // Asking twice is asking once.
      config: { access: 'session', idempotency: 'none' },
      schema: { body: StepUpBody, response: { 204: NoContent } },
    },
    async (request, reply) => {
      // The same count as for a change of password: both look at one.
      await app.limits.password(request, reply)
      const deadline = AbortSignal.timeout(hashDeadlineMs)
      await stepUpSession(deps, request.actor, request.body.password, deadline)
      return reply.code(204).send(null)
    },
  )

  app.patch(
    '/auth/password',
    { config: { access: 'session' }, schema: { body: PasswordBody, response: { 204: NoContent } } },
    async (request, reply) => {
      await app.limits.password(request, reply)
      await changeOwnPassword(deps, request.actor, request.body, AbortSignal.timeout(hashDeadlineMs))
      return reply.code(204).send(null)
    },
  )
}

const callerOf = (request: FastifyRequest) => ({ ip: clientIp(request), correlationId: request.id })
