import { Agent as HttpAgent } from 'node:http'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Access } from '@nora/contract/permissions'
import { Uuid } from '@nora/contract/wire'
import { withActor } from '@nora/db/actor'
import { agentRoute } from '@nora/db/agent-reads'
import { DomainError } from '@nora/domain/errors'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { refusedCapabilities } from '../audit/report.ts'
import type { Deps } from '../deps.ts'
import { watchPermission } from '../streams/watch-permission.ts'
import { callGateway, type Exchange, type InvokeLimits, invokeDeadlines } from './call-gateway.ts'
import { type InvokeCall, invokeCapabilities } from './capabilities.ts'
import { gatewayProblem, isGatewayProblem } from './gateway-problem.ts'
import { toCaller, toGateway } from './headers.ts'

const Params = Type.Object({ id: Uuid, '*': Type.Optional(Type.String()) })
/** What is open when the api stops may end by itself for so long; the process has ten seconds. */
const stopGraceMs = 3_000
const restMs = 10_000
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

/**
 * `ANY agents/:id/invoke/*`: the agent's own HTTP API, through the gateway, as streams both ways. The same for people and, below
 * another prefix, for programs; `access` says for whom.
 */
export const invokeRoutes: FastifyPluginAsyncTypebox<{ deps: Deps; access?: Access }> = async (
  app,
  { deps, access = 'agent:invoke' },
) => {
  const limits = { ...invokeDeadlines, bodyBytes: deps.config.invokeMaxBodyMb * 1024 * 1024 }
  const open = new Set<AbortController>()
  const capability = invokeCapabilities(deps.capabilitySeed, deps.clock)
  const refused = refusedCapabilities(deps)
  // A stream without an end must not keep the server from stopping.
  app.addHook('preClose', async () => {
    setTimeout(() => {
      for (const one of open) one.abort('stopping')
    }, stopGraceMs).unref()
  })
  const pool = new HttpAgent({ keepAlive: true, maxSockets: 1_024, maxFreeSockets: 64 })
  app.addHook('onClose', async () => pool.destroy())
  // The body goes on as it comes: here nothing is parsed, and any type is taken.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _body, done) => done(null, undefined))
  for (const url of ['/agents/:id/invoke', '/agents/:id/invoke/*']) {
    app.route({
      method: [...methods],
      url,
      // Repeating it is the agent's affair: its answer is not ours to keep, and Idempotency-Key goes on to it.
      config: { access, idempotency: 'none', rawBody: true },
      schema: {
        params: Params,
        response: {
          default: Type.Any({ description: "The agent's own answer, with `X-Nora-Answer: agent`" }),
        },
      },
      handler: (request, reply) =>
        invoke(deps, { base: app.prefix, pool, limits, open, capability, refused }, request, reply),
    })
  }
}

/** What all calls share. */
type Shared = {
  /** What stands before `/agents/` in the path. */
  base: string
  pool: HttpAgent
  limits: InvokeLimits
  open: Set<AbortController>
  capability: (call: InvokeCall) => string
  /** Called when the gateway did not take it. */
  refused: (caller: { ip: string | null; correlationId: string }) => void
}

async function invoke(
  deps: Deps,
  { base, pool, limits, open, capability, refused }: Shared,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  refuseForeignNavigation(request)
  const { id } = request.params as { id: string }
  const path = agentPath(base, request.raw.url ?? '')
  if (Number(request.headers['content-length'] ?? 0) > limits.bodyBytes)
    throw new DomainError('payload-too-large')
  const { actor, userId, apiKeyId } = request.caller
  const route = await withActor(deps.db, actor, (tx) => agentRoute(tx, id))
  if (!route) throw new DomainError('not-found')
  if (route.state !== 'running' && route.state !== 'degraded') {
    throw new DomainError('agent-not-running', { state: route.state, stateReason: route.state_reason })
  }
  if (!route.invoke_url) throw new DomainError('agent-not-routed')
  const target = `/agents/${id}${path}`
  const call = { userId, workspaceId: route.workspace_id, agentId: id, method: request.method, target }
  const url = new URL(route.invoke_url)
  // The server's idle limit is for requests: an agent may think longer, before it answers and between two events.
  request.raw.socket.setTimeout(0)
  const left = new AbortController()
  open.add(left)
  const leave = () => left.abort('left')
  reply.raw.once('close', leave)
  const watch = watchPermission(deps, {
    actor,
    permission: 'agent:invoke',
    onRevoked: () => left.abort('revoked'),
  })
  try {
    const exchange = await callGateway({
      ...{ agent: pool, url, method: request.method, body: request.raw, limits, signal: left.signal },
      path: target,
      headers: toGateway(request.raw, {
        capability: capability(call),
        correlationId: request.id,
        host: url.host,
      }),
    })
    await relay(exchange, request, reply, { id, base }, () => refused(request.caller))
    if (!request.raw.complete && !request.raw.destroyed) readOff(request)
  } catch (error) {
    // What is left of the body would be read as the next request.
    if (!request.raw.complete) reply.header('connection', 'close')
    const { reason } = left.signal
    if (!reply.raw.headersSent && reason !== 'left') {
      throw reason === 'revoked' ? new DomainError(apiKeyId ? 'api-key-invalid' : 'unauthenticated') : error
    }
    reply.hijack()
    request.log.debug({ err: error }, 'an invocation was cut')
  } finally {
    open.delete(left)
    watch.stop()
    reply.raw.off('close', leave)
  }
  return reply
}

/** Sends the answer on; resolves when it has arrived or either side has gone. */
async function relay(
  { answer, end }: Exchange,
  request: FastifyRequest,
  reply: FastifyReply,
  { id, base }: { id: string; base: string },
  onRefused: () => void,
) {
  try {
    if (isGatewayProblem(answer)) throw await gatewayProblem(answer, onRefused)
    const { raw } = reply
    raw.writeHead(
      answer.statusCode ?? 502,
      toCaller(answer, reply.getHeaders() as Record<string, string>, { id, base }),
    )
    reply.hijack() // after the head: a head that cannot be written is still the error handler's
    if (answer.headers['content-length'] === undefined) raw.flushHeaders()
    await new Promise<void>((resolve) => {
      answer.once('close', () => {
        if (!answer.complete) raw.destroy() // cut short: the caller must not take it for the whole
        resolve()
      })
      raw.once('close', resolve)
      answer.pipe(raw)
    })
    request.log.debug({ agentId: id, status: answer.statusCode }, 'an agent answered')
  } finally {
    end()
  }
}

/**
 * The agent answered without waiting for the body's end: the connection serves its next request only once the rest is
 * read, and does not wait long for it.
 */
function readOff({ raw }: FastifyRequest): void {
  const late = setTimeout(() => raw.destroy(), restMs)
  raw.once('close', () => clearTimeout(late))
  raw.once('end', () => clearTimeout(late))
  raw.resume()
}

/** The path and query after `invoke`, byte for byte: decoding it and encoding it again could make another path of it. */
function agentPath(base: string, url: string): string {
  const rest = url.startsWith(`${base}/`)
    ? /^\/agents\/[^/?]+\/invoke([/?].*)?$/.exec(url.slice(base.length))
    : undefined
  if (!rest) throw new DomainError('not-found')
  const path = rest[1] ?? '/'
  return path.startsWith('?') ? `/${path}` : path
}

/** A SameSite=Lax cookie comes along when another site sends a browser here; an agent's GET may have effects. */
function refuseForeignNavigation(request: FastifyRequest): void {
  const site = request.headers['sec-fetch-site']
  if (request.caller.transport !== 'cookie' || site === undefined) return
  if (site !== 'same-origin' && site !== 'none') {
    throw new DomainError('csrf-failed', {}, { detail: 'Sec-Fetch-Site must be same-origin' })
  }
}
