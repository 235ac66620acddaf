type Json = Record<string, unknown>
export type Schema = Json
export type Parameter = { name: string; schema: Schema; required: boolean }

/** One call of openapi.json, with references followed where values are made of it. */
export type Operation = {
  method: string
  /** As the api registers it: `/api/agents/:id`. */
  url: string
  query: Parameter[]
  body: Schema | undefined
  /** Status (or `4XX`) -> content type -> schema; an answer without a body has no content types. */
  responses: Record<string, Record<string, Schema>>
}

type Described = {
  parameters?: { in: string; name: string; schema: Schema; required?: boolean }[]
  requestBody?: { content?: Record<string, { schema: Schema }> }
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>
}
export type Document = {
  paths: Record<string, Record<string, Described>>
  components: { schemas: Record<string, Schema> }
}

const methods = ['get', 'post', 'put', 'patch', 'delete']

/** Every call that the document describes. */
export function operationsOf(document: Document): Operation[] {
  return Object.entries(document.paths).flatMap(([path, described]) =>
    Object.entries(described)
      .filter(([method]) => methods.includes(method))
      .map(([method, one]) => ({
        method: method.toUpperCase(),
        url: path.replace('{path}', '*').replace(/\{(\w+)\}/g, ':$1'),
        query: (one.parameters ?? [])
          .filter((parameter) => parameter.in === 'query')
          .map(({ name, schema, required = false }) => ({
            name,
            required,
            schema: followed(document, schema),
          })),
        body: followedOrNone(document, one.requestBody?.content?.['application/json']?.schema),
        responses: Object.fromEntries(
          Object.entries(one.responses).map(([status, { content = {} }]) => [
            status,
            Object.fromEntries(Object.entries(content).map(([type, { schema }]) => [type, schema])),
          ]),
        ),
      })),
  )
}

const followedOrNone = (document: Document, schema: Schema | undefined) =>
  schema && followed(document, schema)

/** The schema with every `$ref` replaced by what it names. */
function followed(document: Document, schema: Schema): Schema {
  const follow = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(follow)
    if (typeof value !== 'object' || value === null) return value
    const ref = (value as Json)['$ref']
    if (typeof ref === 'string') return follow(document.components.schemas[ref.split('/').at(-1)!])
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, follow(inner)]))
  }
  return follow(schema) as Schema
}
