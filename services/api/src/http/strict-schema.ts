import type { FastifySchema } from 'fastify'

type Schema = { [key: string]: unknown }

/**
 * Refuses a route whose body or query has an object with named properties that lets others in: an unknown field is an
 * error that the caller must hear of. Free maps (`Type.Record`) have no named properties and are allowed.
 */
export function assertStrictSchema(route: string, schema: FastifySchema): void {
  for (const part of ['body', 'querystring'] as const) {
    if (schema[part] !== undefined) assertStrict(`${route} ${part}`, schema[part])
  }
}

function assertStrict(path: string, schema: unknown): void {
  if (Array.isArray(schema)) {
    for (const item of schema) assertStrict(path, item)
    return
  }
  if (typeof schema !== 'object' || schema === null) return
  const node = schema as Schema
  if (typeof node['properties'] === 'object' && node['additionalProperties'] !== false) {
    throw new Error(`${path}: an object with properties must set additionalProperties: false`)
  }
  for (const [key, value] of Object.entries(node)) {
    if (key === 'properties' || key === 'patternProperties') {
      for (const [name, inner] of Object.entries(value as Schema)) assertStrict(`${path}/${name}`, inner)
    } else if (['items', 'anyOf', 'oneOf', 'allOf', 'additionalProperties'].includes(key)) {
      assertStrict(path, value)
    }
  }
}
