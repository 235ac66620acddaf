import { createHash, createHmac } from 'node:crypto'
import { type CallerActor, type Entered, type Tx, withActor } from '@nora/db/actor'
import { type KeptAnswer, keepAnswer, reserveKey } from '@nora/db/idempotency'
import { DomainError } from '@nora/domain/errors'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Deps } from '../deps.ts'

/** What a handler answers: kept with the key, so it must hold no credential unless its route says `credential`. */
export type Answer = { status: number; location?: string; body?: unknown }

/** `replayed`: the action happened with the first request, so nobody must be rung now. */
export type Outcome = Answer & { replayed: boolean }

/**
 * Runs a POST's action in one transaction with the reservation of its `Idempotency-Key` and the keeping of its answer.
 * A crash at any point leaves either all three or none: no key can wedge, and no action can happen twice. A refusal
 * (an error thrown by `run`) keeps nothing, so the repeat is judged anew. Without the header it is just `withActor`.
 *
 * A repeat within 24 h gets the first answer again. DomainError `idempotency-key-reused` for another request,
 * `idempotency-not-replayable` where the route's config says `credential`, `idempotency-in-progress` while the first
 * one's transaction is open, `bad-request` for a key that is not 1 to 200 printable characters.
 */
export async function idempotently(
  deps: Deps,
  request: FastifyRequest,
  run: (tx: Tx, entered: Entered<CallerActor>) => Promise<Answer>,
): Promise<Outcome> {
  const key = keyOf(request)
  return withActor(deps.db, request.caller.actor, async (tx, entered) => {
    if (key === undefined) return { ...(await run(tx, entered)), replayed: false }
    const hashes = deps.config.jwtSecrets.map((secret) => hashOf(secret, request))
    const found = await reserveKey(tx, entered, key, hashes)
    if (found.kind === 'kept') return replay(found.answer)
    if (found.kind !== 'reserved') throw new DomainError(`idempotency-${found.kind}`)
    const answer = await run(tx, entered)
    await keepAnswer(
      tx,
      entered,
      key,
      request.routeOptions.config.idempotency === 'credential' ? null : answer,
    )
    return { ...answer, replayed: false }
  })
}

/** Sends an outcome; a repeat is marked with `Idempotency-Replayed: true`. */
export function sendOutcome(reply: FastifyReply, outcome: Outcome): FastifyReply {
  if (outcome.location !== undefined) reply.header('location', outcome.location)
  if (outcome.replayed) reply.header('idempotency-replayed', 'true')
  return reply.code(outcome.status).send(outcome.body)
}

function replay(answer: KeptAnswer): Outcome {
  return {
    status: answer.status,
    replayed: true,
    ...(answer.location === null ? {} : { location: answer.location }),
    ...(answer.body === null ? {} : { body: answer.body }),
  }
}

function keyOf(request: FastifyRequest): string | undefined {
  const key = request.headers['idempotency-key']
  if (key === undefined) return undefined
  if (typeof key !== 'string' || !/^[\x21-\x7e]{1,200}$/.test(key)) {
    throw new DomainError('bad-request', {
      errors: [{ path: 'headers/idempotency-key', message: 'must be 1 to 200 printable ASCII characters' }],
    })
  }
  const { apiKeyId } = request.caller
  // Rows are a person's: neither they nor another program of theirs may meet the answers of this one.
  return apiKeyId === undefined ? key : `${apiKeyId} ${createHash('sha256').update(key).digest('base64url')}`
}

/** Keyed, because a body may hold a secret that could be guessed from a bare hash in a stolen database. */
function hashOf(secret: string, request: FastifyRequest): Buffer {
  return createHmac('sha256', secret)
    .update(JSON.stringify(['nora/idempotency', request.method, request.url, sorted(request.body ?? null)]))
    .digest()
}

/** The same object with the keys of every level in one order: the order a client happens to write is no difference. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  )
}
