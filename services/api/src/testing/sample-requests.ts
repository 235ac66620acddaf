import { randomUUID } from 'node:crypto'

type Schema = Record<string, unknown> & {
  type?: string | string[]
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
  patternProperties?: Record<string, Schema>
  additionalProperties?: boolean | Schema
  const?: unknown
  enum?: unknown[]
  format?: string
  pattern?: string
  minLength?: number
  maxLength?: number
  minimum?: number
}
type Route = { method: string; url: string; schema?: unknown }
type Parts = { body?: Schema; querystring?: Schema; params?: Schema }

export type SampleRequest = { method: string; path: string; body: unknown }
/** A text for the field at this place (`POST /api/x body.secret.apiKey`). */
export type TextFor = (place: string) => string

/**
 * A request for every route, right by its schema as far as that can be seen, with texts of one's own wherever any text will do. `idOf`: what the
 * `:id` of a path is to be; something that does not exist unless it says.
 */
export function sampleRequests(
  routes: readonly Route[],
  text: TextFor,
  idOf: (url: string) => string | undefined = () => undefined,
): SampleRequest[] {
  return routes
    .filter(({ method }) => ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].includes(method))
    .map(({ method, url, schema }) => {
      const { body, querystring, params } = (schema ?? {}) as Parts
      const place = `${method} ${url}`
      const param = (name: string) => {
        const known = name === 'id' ? idOf(url) : undefined
        return known ?? sample(params?.properties?.[name] ?? { format: 'uuid' }, `${place} ${name}`, text)
      }
      const path = url
        .replace(/:(\w+)/g, (_, name) => encodeURIComponent(String(param(name))))
        .replace('*', encodeURIComponent(text(`${place} path`)))
      const query = querystring
        ? (sample(querystring, `${place} query`, text) as Record<string, unknown>)
        : {}
      const search = new URLSearchParams(
        Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]),
      )
      return {
        method,
        path: search.size > 0 ? `${path}?${search}` : path,
        body: body ? sample(body, `${place} body`, text) : undefined,
      }
    })
}

function sample(schema: Schema, place: string, text: TextFor): unknown {
  if ('const' in schema) return schema.const
  if (schema.enum) return schema.enum[0]
  const [one] = schema.anyOf ?? schema.oneOf ?? []
  if (one) return sample(one, place, text)
  if (schema.allOf)
    return Object.assign({}, ...schema.allOf.map((part) => sample(part, place, text) as object))
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type
  if (type === 'object' || schema.properties || schema.patternProperties)
    return sampleObject(schema, place, text)
  if (type === 'array') return schema.items ? [sample(schema.items, `${place}[]`, text)] : []
  if (type === 'integer' || type === 'number') return schema.minimum ?? 1
  if (type === 'boolean') return true
  if (type === 'null') return null
  return sampleText(schema, place, text)
}

function sampleObject(schema: Schema, place: string, text: TextFor): Record<string, unknown> {
  const fields = Object.entries(schema.properties ?? {})
  const named = Object.fromEntries(
    fields.map(([name, inner]) => [name, sample(inner, `${place}.${name}`, text)]),
  )
  const [pattern, inner] = Object.entries(schema.patternProperties ?? {})[0] ?? []
  const open = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined
  const free = inner ?? open
  if (!free) return named
  const name = pattern && !new RegExp(pattern).test('apiKey') ? 'API_KEY' : 'apiKey'
  return { ...named, [name]: sample(free, `${place}.${name}`, text) }
}

function sampleText(
  { format, pattern, minLength = 0, maxLength = 4_096 }: Schema,
  place: string,
  text: TextFor,
): string {
  if (format === 'uuid') return randomUUID()
  if (format === 'date-time') return new Date().toISOString()
  if (format === 'email')
    return `${text(place)
      .replace(/[^A-Za-z0-9]/g, '')
      .slice(-40)}@nora.test`
  const wanted = text(place)
  const fits = wanted.length >= minLength && wanted.length <= maxLength
  if (fits && (!pattern || new RegExp(pattern, 'u').test(wanted))) return wanted
  return wanted.slice(-maxLength).padEnd(minLength, 'x')
}
