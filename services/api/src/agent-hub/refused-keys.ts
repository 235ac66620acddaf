import type { HubActor } from '@nora/db/actor'
import { DomainError } from '@nora/domain/errors'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Deps } from '../deps.ts'
import { addressOf } from '../http/limits.ts'

const mostRemembered = 10_000

/**
 * Slows down whoever tries keys: past the limit of refused ones, an address is asked to wait before anything is looked up. Keys
 * that were good a moment ago go on working from there: a guesser behind the same address locks nobody out.
 */
export function refusedKeys(app: FastifyInstance, deps: Deps) {
  const blockedUntil = bounded<number>()
  const good = bounded<true>()
  return {
    /** Counts a refused key. DomainError `rate-limited` past the limit. */
    async count(request: FastifyRequest, reply: FastifyReply): Promise<void> {
      try {
        await app.limits.hubRefused(request, reply)
      } catch (error) {
        const seconds = error instanceof DomainError ? error.facts['retryAfterSeconds'] : undefined
        if (typeof seconds === 'number') blockedUntil.set(addressOf(request), deps.clock() + seconds * 1000)
        throw error
      }
    },
    /** DomainError `rate-limited` where the caller's address has to wait. */
    refuseBlocked(request: FastifyRequest, actor: HubActor): void {
      const left = (blockedUntil.get(addressOf(request)) ?? 0) - deps.clock()
      if (left <= 0 || good.get(nameOf(actor))) return
      throw new DomainError('rate-limited', { retryAfterSeconds: Math.ceil(left / 1000) })
    },
    /** Remembers a key that Postgres took. */
    taken: (actor: HubActor) => good.set(nameOf(actor), true),
  }
}

const nameOf = ({ proof }: HubActor) => proof.toString('base64')

/** A map that forgets what was put in first. */
function bounded<T>() {
  const map = new Map<string, T>()
  return {
    get: (key: string) => map.get(key),
    set(key: string, value: T): void {
      map.delete(key)
      map.set(key, value)
      if (map.size > mostRemembered) map.delete(map.keys().next().value!)
    },
  }
}
