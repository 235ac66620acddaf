import { createHmac } from 'node:crypto'
import { constantTimeEqual } from '@nora/crypto/tokens'
import { DomainError } from '@nora/domain/errors'
import type { FastifyRequest } from 'fastify'
import type { ApiSettings } from '../deps.ts'

/** The token that a cookie session sends as `X-CSRF-Token`: bound to the session, useless for any other. */
export function csrfToken(config: ApiSettings, sessionId: string): string {
  return tokenUnder(config.jwtSecrets[0]!, sessionId)
}

/**
 * What a mutation of a cookie session must show: an Origin that is ours to the letter, no `Sec-Fetch-Site` that
 * contradicts it, and the session's own token. DomainError `csrf-failed`, whose detail says what to send.
 * Source: OWASP Cross-Site Request Forgery Prevention Cheat Sheet (signed double submit, origin check, fetch metadata).
 */
export function requireCsrf(config: ApiSettings, request: FastifyRequest, sessionId: string): void {
  requireOwnOrigin(config, request)
  const given = request.headers['x-csrf-token']
  const valid = config.jwtSecrets.some(
    (secret) => typeof given === 'string' && constantTimeEqual(given, tokenUnder(secret, sessionId)),
  )
  if (!valid) throw refuse('send X-CSRF-Token with the csrfToken of this session')
}

/** The origin half of `requireCsrf`, for calls that a browser makes before it knows its token (refresh). */
export function requireOwnOrigin(config: ApiSettings, request: FastifyRequest): void {
  if (request.headers.origin === undefined) throw refuse('send Origin with the address of the page')
  refuseForeignOrigin(config, request)
}

/**
 * For calls without a session (sign-in, sign-up): a page of somebody else's must not sign a visitor in as somebody else.
 * Programs send no Origin and pass.
 */
export function refuseForeignOrigin(config: ApiSettings, request: FastifyRequest): void {
  const { origin } = request.headers
  const listed = origin !== undefined && config.corsOrigins.includes(origin)
  if (origin !== undefined && origin !== config.publicUrl && !listed)
    throw refuse('this Origin is not allowed')
  const site = request.headers['sec-fetch-site']
  // An allowlisted console on another site is cross-site by nature; anything else that says so is not our page.
  if (site !== undefined && site !== 'same-origin' && !listed)
    throw refuse('Sec-Fetch-Site must be same-origin')
}

const tokenUnder = (secret: string, sessionId: string) =>
  createHmac('sha256', secret).update(`nora/csrf|${sessionId}`).digest('base64url')

const refuse = (detail: string) => new DomainError('csrf-failed', {}, { detail })
