import { createHmac } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { RateLimits, RateWindow } from '@nora/config/rate-limits'
import { DomainError } from '@nora/domain/errors'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Deps } from '../deps.ts'
import { isForPrograms } from './caller.ts'
import { subscriberOf } from './client-ip.ts'
import { callCounter, type OnLoss } from './count-calls.ts'
import { remembered } from './remembered.ts'

/**
 * Counts this call, sets the RateLimit-* headers, and throws DomainError `rate-limited` past the limit, or `unavailable`
 * where the loss of Redis closes the door.
 */
export type CountCall = (request: FastifyRequest, reply: FastifyReply) => Promise<void>

/** Where one caller stands with one limit, this call counted. */
export type Standing = { limit: number; remaining: number; resetSeconds: number; exceeded: boolean }

declare module 'fastify' {
  interface FastifyInstance {
    limits: {
      /** Per address; every call passes it, and only what has no hooks need ask. */
      address: CountCall
      /** The same for an upgrade, which has no reply. */
      upgrade: (request: IncomingMessage) => Promise<Standing>
      signupBurst: CountCall
      signupDaily: CountCall
      password: CountCall
      oauth: CountCall
      /** Per API key. */
      hub: CountCall
      /** API keys that are none, per address. */
      hubRefused: CountCall
      /** Beginnings of exec sessions, per person. */
      exec: CountCall
      /** Tickets for sockets, per person. */
      tickets: CountCall
    }
  }
}

const mutating = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])

/**
 * Prepares the limits: `countAddress` and `refuseExceeded` are hooks for every request (apart, so that a refusal passes
 * the CORS hook between them and can be read by the page), `countMutation` one for after the session is known.
 */
export function installLimits(app: FastifyInstance, deps: Deps) {
  const stand = standings(deps)
  const limit = (
    name: keyof RateLimits | 'health',
    of: (request: FastifyRequest) => string,
    onLoss: OnLoss,
  ) => {
    const window = deps.config.rateLimits[name === 'health' ? 'global' : name]
    const count: CountCall = async (request, reply) => {
      const standing = await stand(name, window, of(request), onLoss)
      setHeaders(reply, standing)
      if (standing.exceeded) throw tooMany(standing)
    }
    return count
  }

  const everything = limit('global', addressOf, 'memory')
  // A bucket of its own, so that a flood elsewhere does not make the server look dead to whoever watches it.
  const health = limit('health', addressOf, 'memory')
  const mutations = limit('mutations', principalOf, 'memory')
  app.decorate('limits', {
    address: everything,
    upgrade: (request) => {
      const who = subscriberOf(app.callers.addressOf(request))
      return stand('global', deps.config.rateLimits.global, who, 'memory')
    },
    signupBurst: limit('signupBurst', addressOf, 'refuse'),
    signupDaily: limit('signupDaily', addressOf, 'refuse'),
    password: limit('password', principalOf, 'refuse'),
    oauth: limit('oauth', addressOf, 'refuse'),
    hub: limit('hub', ({ caller }) => caller.apiKeyId ?? caller.userId, 'memory'),
    hubRefused: limit('hubRefused', addressOf, 'memory'),
    exec: limit('exec', principalOf, 'memory'),
    tickets: limit('tickets', principalOf, 'memory'),
  })

  const exceeded = new WeakMap<FastifyRequest, Error>()
  return {
    countAddress: async (request: FastifyRequest, reply: FastifyReply) => {
      const count = /^\/api\/(healthz|readyz)$/.test(request.routeOptions.url ?? '') ? health : everything
      await count(request, reply).catch((error) => exceeded.set(request, error))
    },
    /** The refusal that `refuseExceeded` will give; undefined for a call within the limit. */
    exceededBy: (request: FastifyRequest) => exceeded.get(request),
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

/** The refusal of a call past its limit. */
export const tooMany = ({ resetSeconds }: Standing) =>
  new DomainError('rate-limited', { retryAfterSeconds: Math.max(1, resetSeconds) })

/** The headers that tell a standing, by their names on the wire. */
export const standingHeaders = ({ limit, remaining, resetSeconds }: Standing) => ({
  'ratelimit-limit': limit,
  'ratelimit-remaining': remaining,
  'ratelimit-reset': resetSeconds,
})

function standings(deps: Deps) {
  const count = callCounter(deps.redis, deps.log, deps.config.redisPatience)
  // Only an HMAC reaches Redis: neither addresses nor ids of people lie about there.
  const blinded = remembered((principal) => blind(deps, principal))
  return async (name: string, { max, windowMs }: RateWindow, principal: string, onLoss: OnLoss) => {
    const counted = await count(`${name}:${blinded(principal)}`, windowMs, onLoss).catch((cause: unknown) => {
      throw new DomainError('unavailable', {}, { cause })
    })
    return {
      limit: max,
      remaining: Math.max(0, max - counted.current),
      resetSeconds: Math.ceil(counted.ttlMs / 1000),
      exceeded: counted.current > max,
    } satisfies Standing
  }
}

/** The headers speak of the limit that is nearest. */
function setHeaders(reply: FastifyReply, standing: Standing): void {
  const before = reply.getHeader('ratelimit-remaining')
  if (before !== undefined && Number(before) <= standing.remaining) return
  for (const [name, value] of Object.entries(standingHeaders(standing))) reply.header(name, value)
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
  return subscriberOf(request.server.callers.addressOf(request.raw))
}

function principalOf(request: FastifyRequest): string {
  const { access } = request.routeOptions.config
  if (access === 'platform-admin') return request.admin.userId
  return access === 'public' ? addressOf(request) : request.actor.userId
}
