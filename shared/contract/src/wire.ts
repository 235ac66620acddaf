import { type Static, type TSchema, Type } from 'typebox'

/** Ids are UUIDs in the one spelling Postgres gives back, so that two texts never mean the same row. */
export const Uuid = Type.String({
  format: 'uuid',
  pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
})

/** RFC 3339, UTC. */
export const Time = Type.String({ format: 'date-time' })

/**
 * `schema` or null. Written as one multi-type schema and not as anyOf: the serializer then looks at the value's type
 * and validates nothing, which is what list pages cost most.
 */
export function orNull<T extends TSchema & { type: string }>(schema: T) {
  return Type.Unsafe<Static<T> | null>({ ...schema, type: [schema.type, 'null'] })
}

/** One of a few words. The type is said, so that the serializer need not look for it. */
export const oneOf = <const T extends readonly string[]>(words: T, options: { description?: string } = {}) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...words], ...options })

/**
 * Text without control characters, so that it can stand in one line of a log or a page; nor with those that turn what is around it
 * (bidirectional embeddings, overrides and isolates), by which a name would pose as another.
 */
export const lineOfText = (maxLength: number, minLength = 1) =>
  Type.String({
    minLength,
    maxLength,
    pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*$',
  })

/** `?limit=&cursor=` of every list. */
export const PageQuery = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50 })),
  cursor: Type.Optional(
    Type.String({ minLength: 1, maxLength: 200, description: '`nextCursor` of the page before' }),
  ),
}

/** The answer of every list. */
export const pageOf = <T extends TSchema>(item: T) =>
  Type.Object({ items: Type.Array(item), nextCursor: orNull(Type.String()) }, { additionalProperties: false })

/** For calls that say all they have to say by their path: no body, or an empty one. */
export const NoBody = Type.Optional(Type.Object({}, { additionalProperties: false }))
