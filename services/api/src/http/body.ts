import { DomainError } from '@nora/domain/errors'
import type { FastifyInstance } from 'fastify'

const maxDepth = 32
/** Values in one body, counted at every level: what is done with each is work that a caller could order. */
const maxValues = 20_000

/**
 * JSON alone; anything else with a body is 415. No body is like `{}`: its schema says what it misses. What Postgres could not store, or could only
 * answer with a fault (a NUL, half a surrogate pair, thousands of nested arrays), is refused here, once for all routes.
 */
export function installBodyParser(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, text, done) => {
    if (text.length === 0) return done(null, undefined)
    parse(request, text as string, (error, body) => {
      if (error) return done(refuse('is not valid JSON'))
      const problem = unstorable(body)
      return problem ? done(refuse(problem)) : done(null, body)
    })
  })
  app.addHook('preValidation', (request, _reply, done) => {
    if (request.body === undefined && request.routeOptions.schema?.body) request.body = {}
    done()
  })
}

const refuse = (message: string) => new DomainError('bad-request', { errors: [{ path: 'body', message }] })

/** Why a parsed body cannot be kept, or undefined. Walks with a list, since recursion is what deep nesting attacks. */
function unstorable(root: unknown): string | undefined {
  const waiting: { value: unknown; depth: number }[] = [{ value: root, depth: 1 }]
  let count = 1
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { value, depth } = next
    if (typeof value === 'string') {
      const problem = unstorableText(value)
      if (problem) return problem
    } else if (typeof value === 'object' && value !== null) {
      if (depth > maxDepth) return `must not be nested deeper than ${maxDepth} levels`
      for (const [key, inner] of Object.entries(value)) {
        const problem = unstorableText(key)
        if (problem) return problem
        if (++count > maxValues) return `must not hold more than ${maxValues} values`
        waiting.push({ value: inner, depth: depth + 1 })
      }
    }
  }
  return undefined
}

function unstorableText(text: string): string | undefined {
  if (text.includes('\0')) return 'must not hold a NUL character'
  return text.isWellFormed() ? undefined : 'must be well-formed Unicode'
}
