import { isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'

/**
 * The caller's address as Postgres takes it: believed forwarding headers applied, the zone of a link-local address cut
 * off, null for what is no address.
 */
export function clientIp(request: FastifyRequest): string | null {
  const ip = request.ip?.split('%', 1)[0] ?? ''
  return isIP(ip) ? ip : null
}
