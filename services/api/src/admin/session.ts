import { type AdminProof, adminSelf, proveAdmin } from '@nora/db/admin-session'
import { DomainError } from '@nora/domain/errors'
import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify'
import type { Deps } from '../deps.ts'
import { clientIp } from '../http/client-ip.ts'
import { adminCookie } from './cookies.ts'
import { refuseOtherPages, requireAdminCsrf } from './csrf.ts'

/** A platform admin whose admin session Postgres has checked. */
export type RequestAdmin = {
  /** For `withAdminRead`, `withAdminTurn` and the functions of @nora/db/admin-acts. */
  proof: AdminProof
  userId: string
  ip: string | null
  correlationId: string
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Throws on a route without access `platform-admin`. */
    admin: RequestAdmin
  }
}

const admins = new WeakMap<FastifyRequest, RequestAdmin>()
const safeMethods = new Set(['GET', 'HEAD'])
/** How one comes to an admin session, or leaves it. */
const openRoutes = new Set(['login', 'refresh', 'logout'].map((name) => `/api/admin/auth/${name}`))

/**
 * Who calls a route with access `platform-admin`, before any body is read. This is the one place that decides what opens
 * /api/admin: an admin session's own cookie, and nothing else; no cookie or token of the console is looked at.
 */
export function installAdminSessions(app: FastifyInstance, deps: Deps): void {
  app.decorateRequest('admin', {
    getter(this: FastifyRequest) {
      const found = admins.get(this)
      if (!found) throw new Error('request.admin was read on a route that looks at no admin session')
      return found
    },
  })
  app.addHook('onRoute', keepApart)
  app.addHook('onRequest', async (request) => {
    const { access, beforeSecondFactor } = request.routeOptions.config
    if (request.is404 || access !== 'platform-admin') return
    refuseOtherPages(deps.config, request)
    const proof = adminProof(app, deps, request)
    if (!proof) throw new DomainError('unauthenticated')
    if (!safeMethods.has(request.method)) requireAdminCsrf(deps.config, request, proof.sessionId)
    const userId = await (beforeSecondFactor ? selfOf(deps, proof) : proveAdmin(deps.db, proof))
    admins.set(request, { proof, userId, ip: clientIp(request), correlationId: request.id })
  })
}

/** The proof in the request's access cookie, which only Postgres can judge; undefined where there is none of ours. */
export function adminProof(
  app: FastifyInstance,
  deps: Deps,
  request: FastifyRequest,
): AdminProof | undefined {
  const token = adminCookie(deps.config, request, 'access')
  if (token === undefined) return undefined
  if (request.headers.authorization !== undefined) throw new DomainError('conflicting-credentials')
  const claims = app.adminTokens.verify(token)
  return claims && { sessionId: claims.sessionId, secret: claims.secret }
}

async function selfOf(deps: Deps, proof: AdminProof): Promise<string> {
  const self = await adminSelf(deps.db, proof)
  if (!self) throw new DomainError('unauthenticated')
  return self.userId
}

/** Neither kind of route boots in the other's tree. */
function keepApart(route: RouteOptions): void {
  const inTree = route.url.startsWith('/api/admin/') && !openRoutes.has(route.url)
  if (inTree === (route.config?.access === 'platform-admin') || route.method === 'OPTIONS') return
  throw new Error(`${route.method} ${route.url}: access platform-admin is for /api/admin/, and for all of it`)
}
