import type { FastifySchemaValidationError } from 'fastify'

export type FieldProblem = { path: string; message: string }

/**
 * The `errors` of a problem document for an error of schema validation, or undefined for any other error. Paths and rules
 * only: neither a submitted value nor the name of an unknown field is repeated, since both may be a secret put in the wrong place.
 */
export function validationProblems(error: unknown): FieldProblem[] | undefined {
  if (!(error instanceof Error) || !('validation' in error) || !Array.isArray(error.validation))
    return undefined
  const part = 'validationContext' in error ? String(error.validationContext) : 'body'
  return (error.validation as FastifySchemaValidationError[]).map((found) => ({
    path: `${part}${safePath(found.instancePath)}`,
    message: messageOf(found),
  }))
}

function messageOf(found: FastifySchemaValidationError): string {
  if (found.keyword === 'additionalProperties') return 'has a field that is not known here'
  return found.message ?? 'is not valid'
}

/** Names of fields we declared are short identifiers; a longer or stranger segment came from the caller. */
function safePath(path: string): string {
  return path
    .split('/')
    .map((segment) => (/^[A-Za-z0-9_-]{0,32}$/.test(segment) ? segment : '*'))
    .join('/')
}
