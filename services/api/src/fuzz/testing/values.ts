import { fc } from '@nora/testing/fuzz'
import type { Schema } from './operations.ts'

/** Ids to put where an id is asked for: the caller's own and another tenant's. */
export type Ids = readonly string[]

/** Values that a schema allows; formats it does not know are any text. */
export function allowed(schema: Schema, ids: Ids): fc.Arbitrary<unknown> {
  const { type, anyOf, oneOf } = schema as { type?: unknown; anyOf?: Schema[]; oneOf?: Schema[] }
  const choices = anyOf ?? oneOf
  if (choices) return fc.oneof(...choices.map((one) => allowed(one, ids)))
  if (Array.isArray(schema['enum'])) return fc.constantFrom(...(schema['enum'] as unknown[]))
  if ('const' in schema) return fc.constant(schema['const'])
  if (Array.isArray(type)) return fc.oneof(...type.map((one) => allowed({ ...schema, type: one }, ids)))
  if (type === 'string') return text(schema, ids)
  if (type === 'integer' || type === 'number') return number(schema)
  if (type === 'boolean') return fc.boolean()
  if (type === 'null') return fc.constant(null)
  if (type === 'array') {
    const { minItems = 0, maxItems = 3 } = schema as { minItems?: number; maxItems?: number }
    const items = allowed((schema['items'] as Schema | undefined) ?? {}, ids)
    return fc.array(items, { minLength: minItems, maxLength: Math.max(minItems, Math.min(maxItems, 3)) })
  }
  if (type === 'object') return object(schema, ids)
  return fc.jsonValue({ maxDepth: 2 })
}

function text(schema: Schema, ids: Ids): fc.Arbitrary<string> {
  const {
    minLength = 0,
    maxLength = 200,
    pattern,
    format,
  } = schema as {
    minLength?: number
    maxLength?: number
    pattern?: string
    format?: string
  }
  if (format === 'uuid') return fc.oneof(fc.constantFrom(...ids), fc.uuid())
  if (format === 'email') return fc.uuid().map((id) => `${id}@nora.test`)
  if (format === 'date-time') {
    return fc.date({ min: new Date(0), noInvalidDate: true }).map((moment) => moment.toISOString())
  }
  const most = Math.min(maxLength, 200)
  // A pattern that only forbids control characters is better served by letters.
  if (pattern !== undefined && !pattern.includes('\\u0000')) {
    return fc.stringMatching(new RegExp(pattern)).map((one) => one.slice(0, most))
  }
  return fc.string({ minLength: Math.min(minLength, most), maxLength: most })
}

function number(schema: Schema): fc.Arbitrary<number> {
  const { minimum = -10, maximum = 1_000_000 } = schema as { minimum?: number; maximum?: number }
  if (schema['type'] === 'integer') return fc.integer({ min: minimum, max: Math.min(maximum, 0x7fffffff) })
  return fc.double({ min: minimum, max: maximum, noNaN: true })
}

function object(schema: Schema, ids: Ids): fc.Arbitrary<unknown> {
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, Schema>)
  const named = fc.record(Object.fromEntries(properties.map(([name, one]) => [name, allowed(one, ids)])), {
    requiredKeys: (schema['required'] ?? []) as string[],
  })
  const patterns = Object.entries((schema['patternProperties'] ?? {}) as Record<string, Schema>)
  const [pattern, value] = patterns[0] ?? []
  if (pattern === undefined || value === undefined) return named
  const { minProperties = 0 } = schema as { minProperties?: number }
  return fc.dictionary(fc.stringMatching(new RegExp(pattern)), allowed(value, ids), {
    minKeys: minProperties,
    maxKeys: Math.max(minProperties, 3),
  })
}

const nested = (depth: number, inner: unknown = 1): unknown =>
  depth === 0 ? inner : { a: nested(depth - 1, inner) }

/** Values that nobody asked for. `marker` is in some: an answer that repeats it has repeated what was sent. */
export function hostile(ids: Ids, marker: string): fc.Arbitrary<unknown> {
  return fc.oneof(
    fc.constantFrom<unknown>(
      ...[null, true, false, 0, -0, -1, 1.5, 2 ** 31, 2 ** 53, 2 ** 63, 1e308, -1e308, 5e-324],
      ...[
        '',
        ' ',
        marker,
        `sk-${marker}`,
        `'; drop table nora.users; --${marker}`,
        `../../${marker}`,
        `%00${marker}`,
      ],
      ...[
        '\u0000',
        'a\u0000b',
        '\ud800',
        '\udfff\ud800',
        '\u202e',
        '\ufeff',
        '\u2028',
        '👩‍👩‍👧‍👦',
        'Ａ',
        'İ',
      ],
      ...['x'.repeat(300), `${marker}`.repeat(400), '9'.repeat(400), '2026-02-30T25:61:61Z', '0000-00-00'],
      ...[[], {}, [[]], [null], [marker], nested(5, marker), nested(31), nested(40), Array(300).fill(marker)],
      ...[{ constructor: { prototype: { polluted: 1 } } }, { toString: 1 }, { length: -1 }, { $ne: null }],
    ),
    fc.constantFrom(...ids),
    fc.uuid(),
    fc.jsonValue({ maxDepth: 3 }),
    fc.string({ unit: 'binary', maxLength: 60 }),
  )
}

type Change = { place: number; how: 'replace' | 'remove' | 'add' | 'wrap'; value: unknown; name: string }

/** The value with a few of its places, at any depth, changed into something else. */
export function spoiled(value: fc.Arbitrary<unknown>, wrong: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const change = fc.record<Change>({
    place: fc.nat(),
    how: fc.constantFrom('replace', 'replace', 'remove', 'add', 'wrap'),
    value: wrong,
    name: fc.constantFrom('__proto__', 'constructor', 'prototype', 'role', 'id', 'workspaceId', 'x', ''),
  })
  return fc
    .tuple(value, fc.array(change, { minLength: 1, maxLength: 3 }))
    .map(([start, changes]) =>
      changes.reduce<unknown>((now, one) => changed(now, one), structuredClone(start)),
    )
}

/** Every place of a value: how to put another one there. */
function placesOf(value: unknown): { holder: Record<string, unknown>; name: string }[] {
  if (typeof value !== 'object' || value === null) return []
  const holder = value as Record<string, unknown>
  return Object.keys(holder).flatMap((name) => [{ holder, name }, ...placesOf(holder[name])])
}

function changed(root: unknown, { place, how, value, name }: Change): unknown {
  const places = placesOf(root)
  const at = place % (places.length + 1)
  const found = places[at]
  if (how === 'add' && typeof root === 'object' && root !== null) {
    Object.defineProperty(root, name, { value, enumerable: true, configurable: true, writable: true })
    return root
  }
  if (!found) return how === 'wrap' ? [root] : value
  if (how === 'remove') delete found.holder[found.name]
  else found.holder[found.name] = how === 'wrap' ? [found.holder[found.name]] : value
  return root
}
