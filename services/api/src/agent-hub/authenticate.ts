import type { ApiKeyScope } from '@nora/contract/api-keys'
import type { Access } from '@nora/contract/permissions'
import { hubKeyProver, publicIdOf } from '@nora/crypto/hub-keys'
import { type Entered, type HubActor, refusalOf } from '@nora/db/actor'
import { enterHubRenewed } from '@nora/db/api-keys'
import { DomainError } from '@nora/domain/errors'
import { effectiveScopes } from '@nora/domain/scopes'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Deps } from '../deps.ts'
import { admitProgram } from '../http/caller.ts'
import { clientIp } from '../http/client-ip.ts'
import { readCredential } from '../http/credentials.ts'
import { keyUse } from './key-use.ts'
import { refusedKeys } from './refused-keys.ts'

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/**
 * The door of the routes it is installed in: a workspace API key in `Authorization: Bearer` and nothing else. Before any body is
 * read: is it a key at all (no query for what is none), does Postgres take it, is it within its limit, has it the route's scope.
 */
export function installHubAuthentication(app: FastifyInstance, deps: Deps): void {
  const prove = provers(deps)
  const refused = refusedKeys(app, deps)
  const use = keyUse(app, deps)
  app.addHook('onRequest', async (request, reply) => {
    const key = keyOf(app, deps, request)
    const publicId = publicIdOf(key)
    if (publicId === undefined) {
      await refused.count(request, reply)
      throw new DomainError('api-key-invalid')
    }
    const proofs = prove(key)
    const named = { kind: 'hub' as const, publicId, workspaceId: workspaceOf(request), ip: clientIp(request) }
    const actor: HubActor = { ...named, proof: proofs[0] }
    refused.refuseBlocked(request, actor)
    const entered = await enter(request, reply, actor, proofs.slice(1))
    refused.taken(actor)
    admit(request, actor, entered)
    await app.limits.hub(request, reply)
    requireAccess(request.routeOptions.config.access, entered)
    use.seen(actor, entered.apiKeyId)
  })

  async function enter(
    request: FastifyRequest,
    reply: FastifyReply,
    actor: HubActor,
    olderProofs: readonly Buffer[],
  ) {
    try {
      const entered = await enterHubRenewed(deps.db, actor, olderProofs)
      requireOwnWorkspace(request, entered)
      return entered
    } catch (error) {
      const code = error instanceof DomainError ? error.code : refusalOf(error)?.code
      // What Postgres refuses as unknown is a guess; a key that has expired, or is used from elsewhere, was one.
      if (code === 'api-key-invalid') await refused.count(request, reply)
      else use.refused(actor, code, request.id)
      throw error
    }
  }
}

/** A key's proofs under every pepper, the present one's first. */
function provers({ hubPeppers }: Deps): (key: string) => [Buffer, ...Buffer[]] {
  const all = hubPeppers.map(hubKeyProver)
  return (key) => all.map((prove) => prove(key)) as [Buffer, ...Buffer[]]
}

/** The text that stands for a key. DomainError `api-key-required` for a session, `unauthenticated` for nothing. */
function keyOf(app: FastifyInstance, deps: Deps, request: FastifyRequest): string {
  const session = readCredential(deps.config, request)
  if (session && app.accessTokens.verify(session.token)) throw new DomainError('api-key-required')
  const text = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
  if (session || text === undefined) {
    throw new DomainError('unauthenticated', {}, { detail: 'send Authorization: Bearer <workspace API key>' })
  }
  return text
}

function admit(request: FastifyRequest, actor: HubActor, entered: Entered<HubActor>): void {
  const { userId, workspaceId, apiKeyId } = entered
  const { ip } = actor
  admitted.set(request, entered)
  admitProgram(request, {
    userId,
    workspaceId,
    apiKeyId,
    actor,
    transport: 'bearer',
    ip,
    correlationId: request.id,
  })
}

const admitted = new WeakMap<FastifyRequest, Entered<HubActor>>()

/** For what a call needs besides its route's scope. DomainError `missing-scope`. */
export function requireScope(request: FastifyRequest, scope: ApiKeyScope): void {
  requireAccess(`hub:${scope}`, admitted.get(request)!)
}

/** DomainError `missing-scope`, which names it and says whether the key or its creator's role lacks it. */
function requireAccess(access: Access | undefined, { role, scopes }: Entered<HubActor>): void {
  if (access === 'hub') return
  const scope = access?.slice('hub:'.length) as ApiKeyScope
  if (effectiveScopes(role, scopes).includes(scope)) return
  const detail = scopes.includes(scope)
    ? `it has ${scope}, but the role of who made it no longer allows that`
    : `it was made without ${scope}`
  throw new DomainError('missing-scope', { scope }, { detail })
}

/** The workspace that the program names; null for none, and for what can be no workspace's id. */
function workspaceOf(request: FastifyRequest): string | null {
  const named = request.headers['x-nora-workspace']
  return typeof named === 'string' && uuid.test(named) ? named : null
}

/** A key is of one workspace: naming it is allowed, naming anything else is an error. */
function requireOwnWorkspace(request: FastifyRequest, { workspaceId }: Entered<HubActor>): void {
  const named = request.headers['x-nora-workspace']
  if (named !== undefined && String(named).toLowerCase() !== workspaceId)
    throw new DomainError('wrong-workspace')
}
