import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ApiSettings } from '../deps.ts'

/** The admin app's cookies, beside those of the console; http/credentials.ts says what `__Host-` does. */
export function adminCookieNames(config: Pick<ApiSettings, 'adminUrl'>) {
  const secure = config.adminUrl?.startsWith('https:') ?? true
  const prefix = secure ? '__Host-' : ''
  return { access: `${prefix}nora_admin_at`, refresh: `${prefix}nora_admin_rt`, secure }
}

type Kind = 'access' | 'refresh'

/** The token in one of the cookies. */
export function adminCookie(config: ApiSettings, request: FastifyRequest, kind: Kind): string | undefined {
  return request.cookies[adminCookieNames(config)[kind]]
}

/** Sets both. Strict: no link from elsewhere opens the admin app signed in. */
export function setAdminCookies(
  config: ApiSettings,
  reply: FastifyReply,
  tokens: Record<Kind, { text: string; seconds: number }>,
): void {
  const { secure, ...names } = adminCookieNames(config)
  for (const kind of ['access', 'refresh'] as const) {
    const { text, seconds } = tokens[kind]
    reply.setCookie(names[kind], text, {
      path: '/',
      httpOnly: true,
      secure,
      sameSite: 'strict',
      maxAge: seconds,
    })
  }
}

/** Has the browser forget both. */
export function clearAdminCookies(config: ApiSettings, reply: FastifyReply): void {
  const { secure, ...names } = adminCookieNames(config)
  for (const name of Object.values(names)) {
    reply.clearCookie(name, { path: '/', httpOnly: true, secure, sameSite: 'strict' })
  }
}
