import { DomainError } from '@nora/domain/errors'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ApiSettings } from '../deps.ts'

export type Transport = 'cookie' | 'bearer'
export type Credential = { transport: Transport; token: string }

type Names = { access: string; refresh: string; secure: boolean }

/**
 * The names of our cookies. `__Host-` (RFC 6265bis 4.1.3.2) makes the browser insist on Secure, Path=/ and no Domain;
 * it cannot be had on plain http, which only a loopback address may use.
 */
export function cookieNames(config: Pick<ApiSettings, 'publicUrl'>): Names {
  const secure = config.publicUrl.startsWith('https:')
  const prefix = secure ? '__Host-' : ''
  return { access: `${prefix}nora_at`, refresh: `${prefix}nora_rt`, secure }
}

/**
 * The access token that a request carries, and how. Cookies of other names are nobody's business beside a bearer token;
 * ours beside it is an ambiguity that an attacker could use: DomainError `conflicting-credentials`.
 */
export function readCredential(config: ApiSettings, request: FastifyRequest): Credential | undefined {
  const names = cookieNames(config)
  const { authorization } = request.headers
  const cookie = request.cookies[names.access]
  if (authorization !== undefined) {
    if (cookie !== undefined || request.cookies[names.refresh] !== undefined) {
      throw new DomainError('conflicting-credentials')
    }
    const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization)?.[1]
    return token === undefined ? undefined : { transport: 'bearer', token }
  }
  return cookie === undefined ? undefined : { transport: 'cookie', token: cookie }
}

/** The refresh token in the cookie. Path=/ is what `__Host-` demands, so it is by this code that only refresh and logout read it. */
export function refreshCookie(config: ApiSettings, request: FastifyRequest): string | undefined {
  return request.cookies[cookieNames(config).refresh]
}

/** Sets both cookies. `refreshSeconds` is how long a session may stay idle. */
export function setSessionCookies(
  config: ApiSettings,
  reply: FastifyReply,
  tokens: { access: string; accessSeconds: number; refresh: string; refreshSeconds: number },
): void {
  const { access, refresh, secure } = cookieNames(config)
  const common = { path: '/', httpOnly: true, secure } as const
  reply.setCookie(access, tokens.access, { ...common, sameSite: 'lax', maxAge: tokens.accessSeconds })
  reply.setCookie(refresh, tokens.refresh, { ...common, sameSite: 'strict', maxAge: tokens.refreshSeconds })
}

/** Has the browser forget both cookies. */
export function clearSessionCookies(config: ApiSettings, reply: FastifyReply): void {
  const { access, refresh, secure } = cookieNames(config)
  reply.clearCookie(access, { path: '/', httpOnly: true, secure, sameSite: 'lax' })
  reply.clearCookie(refresh, { path: '/', httpOnly: true, secure, sameSite: 'strict' })
}
