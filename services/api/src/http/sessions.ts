import type { Permission } from '@nora/contract/permissions'
import { enterSession } from '@nora/db/accounts'
import type { SessionActor } from '@nora/db/actor'
import { DomainError } from '@nora/domain/errors'
import { allows, type Role } from '@nora/domain/roles'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Deps } from '../deps.ts'
import { clientIp } from './client-ip.ts'
import { readCredential } from './credentials.ts'
import { requireCsrf } from './csrf.ts'

/** Who calls, after Postgres has checked the session and the membership. */
export type RequestActor = {
  /** The proof for `withActor`; its workspace is the one the caller chose. */
  actor: SessionActor
  userId: string
  workspaceId: string
  role: Role
  platformRole: 'user' | 'admin'
  transport: 'cookie' | 'bearer'
  /** null where the peer has no address. */
  ip: string | null
  correlationId: string
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Throws on a route with access `public`, where nobody is looked at. */
    actor: RequestActor
  }
}

const actors = new WeakMap<FastifyRequest, RequestActor>()
const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS'])
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** Before any body is read: who calls, does the session live, may the role do what the route is for. */
export function installSessions(app: FastifyInstance, deps: Deps): void {
  app.decorateRequest('actor', {
    getter(this: FastifyRequest) {
      const found = actors.get(this)
      if (!found) throw new Error('request.actor was read on a route that looks at no session')
      return found
    },
  })
  app.addHook('onRequest', async (request) => {
    const { access, workspaceParam } = request.routeOptions.config
    // The one route without access is the OPTIONS of @fastify/cors, which does nothing.
    if (request.is404 || access === 'public' || request.method === 'OPTIONS') return
    if (access === undefined) throw new DomainError('unauthenticated')
    const actor = await authenticate(
      app,
      deps,
      request,
      access === 'session' ? null : workspaceOf(request, workspaceParam),
    )
    if (access !== 'session' && !allows(actor.role, access satisfies Permission))
      throw new DomainError('forbidden')
    actors.set(request, actor)
  })
}

async function authenticate(
  app: FastifyInstance,
  deps: Deps,
  request: FastifyRequest,
  workspaceId: string | null,
): Promise<RequestActor> {
  const credential = readCredential(deps.config, request)
  const claims = credential && app.accessTokens.verify(credential.token)
  if (!claims || claims.transport !== credential.transport) throw new DomainError('unauthenticated')
  if (claims.transport === 'cookie' && !safeMethods.has(request.method)) {
    requireCsrf(deps.config, request, claims.sessionId)
  }
  const { sessionId, secret, transport } = claims
  const entered = await enterSession(deps.db, { kind: 'session', sessionId, secret, workspaceId })
  return {
    actor: { kind: 'session', sessionId, secret, workspaceId: entered.workspaceId },
    ...entered,
    transport,
    ip: clientIp(request),
    correlationId: request.id,
  }
}

/** The workspace that the path or the header names; null is the personal one. An impossible id is like an absent one. */
function workspaceOf(request: FastifyRequest, param: string | undefined): string | null {
  const chosen = param
    ? (request.params as Record<string, string>)[param]
    : request.headers['x-nora-workspace']
  if (chosen === undefined) return null
  if (typeof chosen !== 'string' || !uuid.test(chosen)) throw new DomainError('not-found')
  return chosen
}
