import { createHmac } from 'node:crypto'
import { constantTimeEqual } from '@nora/crypto/tokens'
import { DomainError } from '@nora/domain/errors'
import type { FastifyRequest } from 'fastify'
import type { ApiSettings } from '../deps.ts'

/** The token of an admin session, of no use to any other session. */
export function adminCsrfToken(config: ApiSettings, sessionId: string): string {
  return tokenUnder(config.jwtSecrets[0]!, sessionId)
}

/** What a mutation of an admin session shows: `requireAdminPage`, and the session's token. DomainError `csrf-failed`. */
export function requireAdminCsrf(config: ApiSettings, request: FastifyRequest, sessionId: string): void {
  requireAdminPage(config, request)
  const given = request.headers['x-csrf-token']
  const valid = config.jwtSecrets.some(
    (secret) => typeof given === 'string' && constantTimeEqual(given, tokenUnder(secret, sessionId)),
  )
  if (!valid) throw refuse('send X-CSRF-Token with the csrfToken of this session')
}

/** For what the admin app alone may send: its Origin, to the letter. */
export function requireAdminPage(config: ApiSettings, request: FastifyRequest): void {
  if (request.headers.origin === undefined) throw refuse('send Origin with the address of the admin app')
  refuseOtherPages(config, request)
}

/**
 * For everything else under /api/admin, reads included: no page but the admin app's own, not one of the console's and not one
 * that CORS lets in. Programs send neither header and pass. DomainError `csrf-failed`.
 */
export function refuseOtherPages(config: ApiSettings, request: FastifyRequest): void {
  const { origin } = request.headers
  if (origin !== undefined && origin !== config.adminUrl) throw refuse('this Origin is not the admin app')
  const site = request.headers['sec-fetch-site']
  // `none`: somebody typed the address.
  const typed = site === 'none' && request.method === 'GET'
  if (site !== undefined && site !== 'same-origin' && !typed)
    throw refuse('Sec-Fetch-Site must be same-origin')
}

const tokenUnder = (secret: string, sessionId: string) =>
  createHmac('sha256', secret).update(`nora/admin-csrf|${sessionId}`).digest('base64url')

const refuse = (detail: string) => new DomainError('csrf-failed', {}, { detail })
