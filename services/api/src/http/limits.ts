import { createHmac } from 'node:crypto'
import rateLimit, { normalizeIP } from '@fastify/rate-limit'
import type { RateWindow } from '@nora/config/rate-limits'
import { DomainError } from '@nora/domain/errors'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Deps } from '../deps.ts'
import { isForPrograms } from './caller.ts'
import { rateLimitStore } from './rate-limit-store.ts'

/**
 * Counts this call, sets the RateLimit-* headers, and throws DomainError `rate-limited` past the limit, or `unavailable`
 * where the loss of Redis closes the door.
 */
export type CountCall = (request: FastifyRequest, reply: FastifyReply) => Promise<void>

declare module 'fastify' {
  interface FastifyInstance {
    limits: Record<'signupBurst' | 'signupDaily' | 'password' | 'oauth' | 'hub' | 'hubRefused', CountCall>
  }
}

const mutating = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])

/**
 * Prepares the limits: `countAddress` and `refuseExceeded` are hooks for every request (apart, so that a refusal passes
 * the CORS hook between them and can be read by the page), `countMutation` one for after the session is known.
 */
export async function installLimits(app: FastifyInstance, deps: Deps) {
  const { rateLimits } = deps.config
  await app.register(rateLimit, { global: false, store: rateLimitStore(deps.redis) })
  const limit = (
    name: string,
    window: RateWindow,
    principal: (request: FastifyRequest) => string,
    onLoss: 'memory' | 'refuse',
  ) => countCall(app, deps, { name, window, principal, onLoss })

  const everything = limit('global', rateLimits.global, addressOf, 'memory')
  // A bucket of its own, so that a flood elsewhere does not make the server look dead to whoever watches it.
  const health = limit('health', rateLimits.global, addressOf, 'memory')
  const mutations = limit('mutations', rateLimits.mutations, principalOf, 'memory')
  app.decorate('limits', {
    signupBurst: limit('signup-burst', rateLimits.signupBurst, addressOf, 'refuse'),
    signupDaily: limit('signup-daily', rateLimits.signupDaily, addressOf, 'refuse'),
    password: limit('password', rateLimits.password, principalOf, 'refuse'),
    oauth: limit('oauth', rateLimits.oauth, addressOf, 'refuse'),
    hub: limit('hub', rateLimits.hub, ({ caller }) => caller.apiKeyId ?? caller.userId, 'memory'),
    hubRefused: limit('hub-refused', rateLimits.hubRefused, addressOf, 'memory'),
  })

  const exceeded = new WeakMap<FastifyRequest, Error>()
  return {
    countAddress: async (request: FastifyRequest, reply: FastifyReply) => {
      const count = /^\/api\/(healthz|readyz)$/.test(request.routeOptions.url ?? '') ? health : everything
      await count(request, reply).catch((error) => exceeded.set(request, error))
    },
    refuseExceeded: (request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void) =>
      done(exceeded.get(request)),
    countMutation: (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => {
      // A program's key has a limit of its own for all it does.
      const free = request.is404 || isForPrograms(request.routeOptions.config.access)
      if (!mutating.has(request.method) || free) return done()
      mutations(request, reply).then(() => done(), done)
    },
  }
}

type Limit = {
  name: string
  window: RateWindow
  principal: (request: FastifyRequest) => string
  onLoss: 'memory' | 'refuse'
}

function countCall(app: FastifyInstance, deps: Deps, { name, window, principal, onLoss }: Limit): CountCall {
  const keyOf = remembered((who) => `${name}:${blind(deps, who)}`)
  const check = app.createRateLimit({
    max: window.max,
    timeWindow: window.windowMs,
    // Only an HMAC reaches Redis: neither addresses nor ids of people lie about there.
    keyGenerator: (request: FastifyRequest) => keyOf(principal(request)),
    skipOnError: onLoss === 'memory',
  })
  return async (request, reply) => {
    const result = await check(request).catch((cause: unknown) => {
      throw new DomainError('unavailable', {}, { cause })
    })
    if (result.isAllowed) return
    const { max, remaining, ttlInSeconds, isExceeded } = result
    setHeaders(reply, max, remaining, ttlInSeconds)
    if (isExceeded) throw new DomainError('rate-limited', { retryAfterSeconds: Math.max(1, ttlInSeconds) })
  }
}

/** The headers speak of the limit that is nearest. */
function setHeaders(reply: FastifyReply, max: number, remaining: number, resetSeconds: number): void {
  const before = reply.getHeader('ratelimit-remaining')
  if (before !== undefined && Number(before) <= remaining) return
  reply.header('ratelimit-limit', max)
  reply.header('ratelimit-remaining', remaining)
  reply.header('ratelimit-reset', resetSeconds)
}

/** The answers for those who called last, up to a bound. */
function remembered(make: (text: string) => string, most = 1_000): (text: string) => string {
  const known = new Map<string, string>()
  return (text) => {
    let found = known.get(text)
    if (found === undefined) {
      found = make(text)
      known.set(text, found)
      if (known.size > most) known.delete(known.keys().next().value!)
    }
    return found
  }
}

/** What stands for a person or an address in a key of Redis. */
export function blind(deps: Pick<Deps, 'config'>, principal: string): string {
  return createHmac('sha256', deps.config.jwtSecrets[0]!)
    .update(`nora/limit|${principal}`)
    .digest('base64url')
    .slice(0, 22)
}

/** The caller's address; of IPv6 the /64, which is what one subscriber has. */
export function addressOf(request: FastifyRequest): string {
  try {
    return normalizeIP(request.ip, 64)
  } catch {
    return 'unknown' // a proxy that we trust sent something that is no address: they all share one bucket
  }
}

function principalOf(request: FastifyRequest): string {
  const { access } = request.routeOptions.config
  return access === 'public' ? addressOf(request) : request.actor.userId
}
