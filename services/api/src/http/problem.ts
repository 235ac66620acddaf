import type { Problem } from '@nora/contract/problem'
import { type ProblemCode, problemTitles } from '@nora/contract/problem-titles'
import { refusalOf } from '@nora/db/actor'
import { DomainError } from '@nora/domain/errors'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { sendBare } from './bare-answer.ts'
import { isOutage, isUnstorableInput, isWorkspaceGone } from './outage.ts'
import { statusOfCode } from './problem-status.ts'
import { validationProblems } from './validation.ts'

/**
 * The problem document of a code (RFC 9457). `facts` become members of their own and cannot replace the standard ones.
 */
export function problemOf(
  code: ProblemCode,
  correlationId: string,
  facts: Record<string, unknown> = {},
  detail?: string,
): Problem {
  return {
    ...facts,
    type: `urn:nora:problem:${code}`,
    title: problemTitles[code],
    status: statusOfCode[code],
    code,
    ...(detail === undefined ? {} : { detail }),
    correlationId,
  }
}

/** Sends a problem document, past the response schemas: it must arrive whatever a route declared. */
export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply.code(problem.status).type('application/problem+json').send(JSON.stringify(problem))
}

/**
 * The one error handler, and the answer for what has no route. When a refusal itself cannot be sent, Fastify asks the handler
 * around the one that it asked before: the features' is inside the api's, which answers a second time with a bare fault.
 */
export function installProblems(app: FastifyInstance): void {
  const answered = new WeakSet<FastifyReply>()
  const handler = (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
    const again = answered.has(reply)
    answered.add(reply)
    return again ? fault(error, 'internal', request, reply) : answer(error, request, reply)
  }
  app.setErrorHandler<FastifyError>(handler)
  app.addHook('onRegister', (feature) => {
    feature.setErrorHandler<FastifyError>(handler)
  })
  app.setNotFoundHandler((request, reply) => answerAbsent(app, request, reply))
}

/** Answers what has no route before its body, which nobody will read, is waited for. */
export function refuseAbsent(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    if (request.is404) answerAbsent(app, request, reply)
    else done()
  })
}

function answerAbsent(app: FastifyInstance, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const allowed = methodsOf(app, request.url)
  if (allowed.length === 0) return sendProblem(reply, problemOf('not-found', request.id))
  reply.header('allow', allowed.join(', '))
  return sendProblem(reply, problemOf('method-not-allowed', request.id))
}

/** Turns any error into its problem document and sends it. Also serves errors met before routing (`frameworkErrors`). */
export function answer(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = describe(error)
  const status = statusOfCode[known.code]
  if (status >= 500) return fault(error, known.code, request, reply)
  // What the edge should have refused itself is worth a look; everything else is the caller's business.
  if (isUnstorableInput(error))
    request.log.warn({ err: error }, 'a value reached the database that it cannot store')
  request.log.debug({ code: known.code }, 'request refused')
  const retryAfter = known.facts?.['retryAfterSeconds']
  if (typeof retryAfter === 'number') reply.header('retry-after', retryAfter)
  return sendProblem(reply, problemOf(known.code, request.id, known.facts, known.detail))
}

/** The log has the cause; the answer has the id with which to find it. */
function fault(
  error: unknown,
  code: ProblemCode,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  request.log.error({ err: error, code }, 'request failed')
  return sendBare(reply, problemOf(code, request.id))
}

/** The code of any error that a handler threw. */
export const problemCodeOf = (error: unknown): ProblemCode => describe(error).code

type Known = { code: ProblemCode; facts?: Record<string, unknown>; detail?: string }

function describe(error: unknown): Known {
  if (error instanceof DomainError) {
    const detail = error.message === error.code ? {} : { detail: error.message }
    return { code: error.code, facts: error.facts, ...detail }
  }
  const refusal = refusalOf(error)
  if (refusal) return { code: codeOfRefusal(refusal) }
  const invalid = validationProblems(error)
  if (invalid) return { code: 'bad-request', facts: { errors: invalid } }
  if (isUnstorableInput(error)) return { code: 'bad-request', detail: 'a value cannot be stored' }
  if (isWorkspaceGone(error)) return { code: 'not-found' }
  if (isOutage(error)) return { code: 'unavailable' }
  return { code: codeOfFramework(error) }
}

/** Codes that a definer function raised and that people know pass; the rest are named by their status. */
function codeOfRefusal({ status, code }: { status: number; code: string }): ProblemCode {
  if (code in problemTitles) return code as ProblemCode
  if (status === 401) return 'unauthenticated'
  if (status === 403) return 'forbidden'
  return status === 404 ? 'not-found' : 'internal'
}

const byStatus: Record<number, ProblemCode> = {
  404: 'not-found',
  405: 'method-not-allowed',
  413: 'payload-too-large',
  414: 'uri-too-long',
  415: 'unsupported-media-type',
  429: 'rate-limited',
  503: 'unavailable',
}

/** Fastify's own errors carry a `FST_` code and a status; an error of anything else is ours, and a fault. */
function codeOfFramework(error: unknown): ProblemCode {
  if (!(error instanceof Error) || !('statusCode' in error) || !('code' in error)) return 'internal'
  if (!String(error.code).startsWith('FST_')) return 'internal'
  const status = error.statusCode
  if (typeof status !== 'number' || status < 400 || status > 599) return 'internal'
  return byStatus[status] ?? (status < 500 ? 'bad-request' : 'internal')
}

function methodsOf(app: FastifyInstance, url: string): string[] {
  const path = url.split('?', 1)[0] ?? ''
  const found = app.routeList.filter((route) => patternOf(route.url).test(path)).map((route) => route.method)
  return [...new Set(found)].sort()
}

const patterns = new Map<string, RegExp>()
function patternOf(url: string): RegExp {
  let pattern = patterns.get(url)
  if (!pattern) {
    const source = url
      .split('/')
      .map((part) =>
        part.startsWith(':') ? '[^/]+' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace('*', '.*'),
      )
      .join('/')
    pattern = new RegExp(`^${source}$`)
    patterns.set(url, pattern)
  }
  return pattern
}
