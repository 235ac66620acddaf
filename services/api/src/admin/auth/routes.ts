import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AdminLoginBody, AdminSelf } from '@nora/contract/admin-auth'
import { StepUpBody } from '@nora/contract/auth'
import { NoBody } from '@nora/contract/wire'
import { type AdminProof, adminSelf, endAdminSession } from '@nora/db/admin-session'
import { DomainError } from '@nora/domain/errors'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { reportSlowed } from '../../audit/report.ts'
import { loginBackoff } from '../../auth/login-backoff.ts'
import type { Deps } from '../../deps.ts'
import { accessTokenSeconds } from '../../http/access-tokens.ts'
import { clientIp } from '../../http/client-ip.ts'
import { addressOf } from '../../http/limits.ts'
import { adminCookie, clearAdminCookies, setAdminCookies } from '../cookies.ts'
import { adminCsrfToken, refuseOtherPages, requireAdminCsrf, requireAdminPage } from '../csrf.ts'
import { adminProof } from '../session.ts'
import { type AdminOpened, proofOfRefresh, refreshAdmin, signInAdmin, stepUp } from './sign-in.ts'

const hashDeadlineMs = 10_000
/** How long an admin session may rest, as Postgres has it (migrations/0020-1-admin-sessions.sql). */
const idleSeconds = 30 * 60
const NoContent = Type.Null({ description: 'No content' })

/** `admin/auth`: the admin app's own sign-in. Its sessions are cookies alone, and open nothing but /api/admin. */
export const adminAuthRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  const backoff = loginBackoff(deps)

  /** Sets the cookies of a session and tells whose it is. */
  async function answer(reply: FastifyReply, { proof, refresh }: AdminOpened): Promise<AdminSelf> {
    const self = await selfOf(deps, proof)
    const claims = { userId: self.user.id, ...proof, transport: 'cookie' as const }
    setAdminCookies(deps.config, reply, {
      access: { text: app.adminTokens.sign(claims), seconds: accessTokenSeconds },
      refresh: { text: refresh.text, seconds: idleSeconds },
    })
    return self
  }

  app.post(
    '/login',
    { config: { access: 'public' }, schema: { body: AdminLoginBody, response: { 200: AdminSelf } } },
    async (request, reply) => {
      if (deps.config.adminUrl === undefined) throw new DomainError('admin-closed')
      refuseOtherPages(deps.config, request)
      const { email } = request.body
      const caller = callerOf(request)
      // The same count as at the console's door: two doors are not twice the tries.
      await backoff.admit(email, addressOf(request), () => void reportSlowed(deps, email, caller))
      const opened = await signInAdmin(deps, request.body, caller, AbortSignal.timeout(hashDeadlineMs))
      await backoff.succeeded(email, addressOf(request))
      return answer(reply, opened)
    },
  )

  app.post(
    '/refresh',
    { config: { access: 'public' }, schema: { body: NoBody, response: { 200: AdminSelf } } },
    async (request, reply) => {
      requireAdminPage(deps.config, request)
      const token = adminCookie(deps.config, request, 'refresh')
      if (token === undefined) throw new DomainError('unauthenticated')
      try {
        return await answer(reply, await refreshAdmin(deps, token, callerOf(request)))
      } catch (error) {
        if (error instanceof DomainError && error.code === 'unauthenticated') {
          clearAdminCookies(deps.config, reply)
        }
        throw error
      }
    },
  )

  app.post(
    '/logout',
    { config: { access: 'public' }, schema: { body: NoBody, response: { 204: NoContent } } },
    async (request, reply) => {
      const token = adminCookie(deps.config, request, 'refresh')
      const proof =
        adminProof(app, deps, request) ??
        (token === undefined ? undefined : await proofOfRefresh(deps, token))
      if (proof) {
        requireAdminCsrf(deps.config, request, proof.sessionId)
        await endAdminSession(deps.db, proof, callerOf(request))
      }
      clearAdminCookies(deps.config, reply)
      return reply.code(204).send(null)
    },
  )

  app.get(
    '/me',
    {
      config: { access: 'platform-admin', beforeSecondFactor: true },
      schema: { response: { 200: AdminSelf } },
    },
    async (request) => selfOf(deps, request.admin.proof),
  )

  app.post(
    '/step-up',
    {
      // Asking twice is asking once.
      config: { access: 'platform-admin', idempotency: 'none' },
      schema: { body: StepUpBody, response: { 204: NoContent } },
    },
    async (request, reply) => {
      await app.limits.password(request, reply)
      await stepUp(deps, request.admin, request.body.password, AbortSignal.timeout(hashDeadlineMs))
      return reply.code(204).send(null)
    },
  )
}

async function selfOf(deps: Deps, proof: AdminProof): Promise<AdminSelf> {
  const self = await adminSelf(deps.db, proof)
  if (!self) throw new DomainError('unauthenticated')
  const { userId: id, email, name, sessionId } = self
  return {
    user: { id, email, name, platformRole: 'admin' },
    csrfToken: adminCsrfToken(deps.config, sessionId),
    secondFactorDue: self.secondFactorDue,
    session: {
      id: sessionId,
      createdAt: self.createdAt.toISOString(),
      expiresAt: self.expiresAt.toISOString(),
      steppedUpUntil: self.steppedUpUntil?.toISOString() ?? null,
    },
  }
}

const callerOf = (request: FastifyRequest) => ({
  ip: clientIp(request),
  userAgent: request.headers['user-agent']?.slice(0, 300) ?? null,
  correlationId: request.id,
})
