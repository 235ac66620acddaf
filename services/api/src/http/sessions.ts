import type { Access } from '@nora/contract/permissions'
import { enterSession } from '@nora/db/accounts'
import type { Entered, SessionActor } from '@nora/db/actor'
import { type Read, readAs } from '@nora/db/read'
import { requireRecentProof } from '@nora/db/sessions'
import { DomainError } from '@nora/domain/errors'
import { allows, type Role } from '@nora/domain/roles'
import type { FastifyInstance, FastifyRequest, RouteHandlerMethod } from 'fastify'
import type { Deps } from '../deps.ts'
import { installCaller, isForPrograms, programOf } from './caller.ts'
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
    /** Throws on a route with access `public`, where nobody is looked at, or `platform-admin`, which has `request.admin`. */
    actor: RequestActor
  }
}

const actors = new WeakMap<FastifyRequest, RequestActor>()
const proofs = new WeakMap<FastifyRequest, Proof>()
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
  installCaller(app)
  app.addHook('onRequest', async (request) => {
    const { access, oneRead, recentProof } = request.routeOptions.config
    if (isForPrograms(access)) return
    // The one route without access is the OPTIONS of @fastify/cors, which does nothing.
    if (request.is404 || access === 'public' || request.method === 'OPTIONS') return
    // Another kind of session, which admin/session.ts looks at: none of these opens anything there.
    if (access === 'platform-admin') return
    if (access === undefined) throw new DomainError('unauthenticated')
    const workspaceId = access === 'session' ? null : workspaceOf(request)
    const proof = prove(app, deps, request, workspaceId)
    if (oneRead) proofs.set(request, proof)
    else admit(request, proof, await enterSession(deps.db, proof.actor))
    if (recentProof) await requireRecentProof(deps.db, proof.actor)
  })
  app.addHook('onRoute', (route) => {
    if (route.config?.oneRead) route.handler = onlyAdmitted(route.handler)
  })
}

/**
 * The one query of a route with `oneRead`: Postgres checks session and membership in the same message, and what it found is given
 * to nobody whose role may not read it. A program has been let in before, and its key is checked with the query once more.
 * Gives the one value that the query finds, as the bytes that Postgres sent.
 */
export async function readOnce(deps: Deps, request: FastifyRequest, read: Read): Promise<Buffer> {
  const program = programOf(request)
  if (program) return (await readAs(deps.db, program.actor, read)).rows[0]![0]!
  const proof = proofs.get(request)
  if (!proof) throw new Error('readOnce needs a route with `oneRead`')
  const { entered, rows } = await readAs(deps.db, proof.actor, read)
  admit(request, proof, entered)
  return rows[0]![0]!
}

/** Such a route's answer leaves only after its `readOnce`: a handler that forgets it answers nobody. */
function onlyAdmitted(handler: RouteHandlerMethod): RouteHandlerMethod {
  return async function (this: FastifyInstance, request, reply) {
    const answer = await handler.call(this, request, reply)
    if (!actors.has(request)) throw new Error('a route with `oneRead` answered without it')
    return answer
  }
}

/** What the caller shows, before Postgres has seen it: the token is ours, and no page of another site sends it. */
type Proof = { actor: SessionActor; transport: RequestActor['transport'] }

function prove(app: FastifyInstance, deps: Deps, request: FastifyRequest, workspaceId: string | null): Proof {
  const credential = readCredential(deps.config, request)
  const claims = credential && app.accessTokens.verify(credential.token)
  if (!claims || claims.transport !== credential.transport) throw new DomainError('unauthenticated')
  if (claims.transport === 'cookie' && !safeMethods.has(request.method)) {
    requireCsrf(deps.config, request, claims.sessionId)
  }
  const { sessionId, secret, transport } = claims
  return { actor: { kind: 'session', sessionId, secret, workspaceId }, transport }
}

/** Lets the caller in, or throws `forbidden`. */
function admit(request: FastifyRequest, { actor, transport }: Proof, entered: Entered<SessionActor>): void {
  if (!mayCall(request.routeOptions.config.access, entered)) throw new DomainError('forbidden')
  actors.set(request, {
    ...entered,
    actor: { ...actor, workspaceId: entered.workspaceId },
    transport,
    ip: clientIp(request),
    correlationId: request.id,
  })
}

function mayCall(access: Access | undefined, { role }: Entered<SessionActor>): boolean {
  if (access === 'session') return true
  if (access === undefined || access === 'public' || access === 'platform-admin') return false
  return !isForPrograms(access) && allows(role, access)
}

/** The workspace that path, query or header name; null is the personal one. An impossible id is like an absent one. */
function workspaceOf(request: FastifyRequest): string | null {
  const { workspaceParam, workspaceQuery } = request.routeOptions.config
  const header = request.headers['x-nora-workspace']
  const inQuery = workspaceQuery && (request.query as Record<string, unknown>)[workspaceQuery]
  if (inQuery !== undefined && header !== undefined && inQuery !== header) {
    const message = 'names another workspace than X-Nora-Workspace'
    throw new DomainError('bad-request', { errors: [{ path: `querystring/${workspaceQuery}`, message }] })
  }
  const chosen = workspaceParam
    ? (request.params as Record<string, string>)[workspaceParam]
    : (inQuery ?? header)
  if (chosen === undefined) return null
  if (typeof chosen !== 'string' || !uuid.test(chosen)) throw new DomainError('not-found')
  return chosen
}
