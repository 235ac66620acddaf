import { fc } from '@nora/testing/fuzz'
import type { Operation } from './operations.ts'
import { allowed, hostile, type Ids, spoiled } from './values.ts'

/** A request as it goes over the wire; the sender adds the caller's credentials. */
export type FuzzRequest = {
  method: string
  path: string
  headers: Record<string, string>
  body: string | Buffer | undefined
}

/** A request that is good, as the authorization matrix has it: the path with its ids, query and body. */
export type Example = { path: string; query: string | undefined; body: unknown }

const brokenBodies: (string | Buffer)[] = [
  ...[
    '{',
    '[]',
    'null',
    '"x"',
    '1',
    '{"a":1,"a":2}',
    '{"x":1e999}',
    '\ufeff{}',
    '{"a":"\\ud800"}',
    '{"a":"\\u0000"}',
  ],
  ...[
    '{"__proto__":{"polluted":1}}',
    '{"constructor":{"prototype":{"polluted":1}}}',
    `{"a":${'9'.repeat(2000)}}`,
  ],
  ...[
    '['.repeat(20_000),
    '{"a":'.repeat(5_000),
    `{"a":"${'x'.repeat(270_000)}"}`,
    '{"a":1}}',
    "{'a':1}",
    'a=1&b=2',
  ],
  Buffer.from([0xff, 0xfe, 0x7b, 0x7d]),
  Buffer.from('{"name":"\xc3\x28"}', 'latin1'),
]

/** Requests of one operation: good ones, ones that the schema allows, and ones that are wrong in every part. */
export function requestsOf(
  operation: Operation,
  example: Example,
  ids: Ids,
  marker: string,
): fc.Arbitrary<FuzzRequest> {
  const wrong = hostile(ids, marker)
  return fc
    .record({
      path: paths(example.path, ids, marker),
      query: queries(operation, example, wrong, ids),
      headers: headers(ids, marker),
      body: bodies(operation, example, wrong, ids),
    })
    .map(({ path, query, headers: sent, body }) => ({
      method: operation.method,
      path: query === '' ? path : `${path}?${query}`,
      headers: body === undefined ? sent : { 'content-type': 'application/json', ...sent },
      body,
    }))
}

/** An id of the path may be another's, or no id at all. */
function paths(path: string, ids: Ids, marker: string): fc.Arbitrary<string> {
  const odd = [
    'x',
    '%00',
    '%ff',
    '..%2f..',
    '0',
    '-1',
    '%F0%9F%98%80',
    'A'.repeat(180),
    'A'.repeat(210),
    marker,
    '__proto__',
  ]
  const segment = fc.oneof(
    fc.constantFrom(...ids),
    fc.constantFrom(...odd, '%20', "'", '*'),
    fc.uuid().map((id) => id.toUpperCase()),
  )
  const swapped = fc.tuple(segment, fc.nat()).map(([value, place]) => {
    const parts = path.split('/')
    const found = parts.flatMap((part, index) => (/^[0-9a-f-]{36}$/.test(part) ? [index] : []))
    const at = found[place % Math.max(found.length, 1)]
    return at === undefined ? path : parts.with(at, value).join('/')
  })
  return fc.oneof({ arbitrary: fc.constant(path), weight: 4 }, { arbitrary: swapped, weight: 1 })
}

function queries(
  { query }: Operation,
  example: Example,
  wrong: fc.Arbitrary<unknown>,
  ids: Ids,
): fc.Arbitrary<string> {
  const names = [...query.map(({ name }) => name), 'x', '__proto__', 'constructor']
  const good = fc
    .record(Object.fromEntries(query.map(({ name, schema }) => [name, allowed(schema, ids)])), {
      requiredKeys: [],
    })
    .map((values) => Object.entries(values) as [string, unknown][])
  const bad = fc.array(fc.tuple(fc.constantFrom(...names, 'limit', 'cursor'), wrong), { maxLength: 3 })
  const encode = (pairs: [string, unknown][]) =>
    pairs.map(
      ([name, value]) =>
        `${encoded(name)}=${encoded(typeof value === 'string' ? value : JSON.stringify(value))}`,
    )
  const twice = good.map((pairs) => encode([...pairs, ...pairs]).join('&'))
  const odd = fc.constantFrom(
    '&&&',
    '=',
    '%',
    '%ff=%fe',
    'a[b]=1',
    `${names[0]}[]=1`,
    'limit=1&limit=2',
    '?'.repeat(50),
  )
  return fc.oneof(
    { arbitrary: fc.constant(example.query ?? ''), weight: 3 },
    { arbitrary: good.map((pairs) => encode(pairs).join('&')), weight: 2 },
    { arbitrary: bad.map((pairs) => encode(pairs).join('&').slice(0, 4_000)), weight: 2 },
    { arbitrary: twice, weight: 1 },
    { arbitrary: odd, weight: 1 },
  )
}

function bodies(
  { method, body }: Operation,
  example: Example,
  wrong: fc.Arbitrary<unknown>,
  ids: Ids,
): fc.Arbitrary<string | Buffer | undefined> {
  const json = (value: unknown) => JSON.stringify(value)
  const broken = fc.constantFrom(...brokenBodies)
  if (method === 'GET') return fc.constant(undefined)
  const good = fc.constant(example.body)
  const fits = body === undefined ? good : allowed(body, ids)
  return fc.oneof(
    { arbitrary: good.map(json), weight: 3 },
    { arbitrary: fits.map(json), weight: 3 },
    { arbitrary: spoiled(fc.oneof(good, fits), wrong).map(json), weight: 6 },
    { arbitrary: wrong.map(json), weight: 1 },
    { arbitrary: broken, weight: 1 },
  )
}

/** What one may put into a header: visible latin-1. */
function headers(ids: Ids, marker: string): fc.Arbitrary<Record<string, string>> {
  const odd = [
    '',
    'x',
    '0',
    `${marker}`,
    'A'.repeat(3_000),
    'é',
    '{"a":1}',
    "' or 1=1",
    '1,2',
    '__proto__',
    '*',
  ]
  const any = fc.oneof(fc.constantFrom(...odd), fc.constantFrom(...ids))
  const types = [
    'text/plain',
    'application/xml',
    'application/json; charset=utf-16',
    'multipart/form-data; boundary=x',
    '',
    '*/*',
  ]
  const some = fc.record(
    {
      'content-type': fc.constantFrom(...types),
      'x-nora-workspace': any,
      'idempotency-key': any,
      'x-csrf-token': any,
      'x-correlation-id': any,
      'x-forwarded-for': fc.constantFrom('1.2.3.4', '::1, x', marker),
      origin: fc.constantFrom('null', 'https://evil.test', marker),
      accept: fc.constantFrom('text/html', '*/*;q=x', ''),
      'accept-encoding': fc.constantFrom('gzip', 'x'),
      expect: fc.constant('x'),
      range: fc.constant('bytes=0-1'),
      'x-http-method-override': fc.constant('DELETE'),
    },
    { requiredKeys: [] },
  )
  const few = fc
    .tuple(some, fc.nat(3))
    .map(([all, most]) => Object.fromEntries(Object.entries(all).slice(0, most)))
  return fc.oneof({ arbitrary: fc.constant({}), weight: 3 }, { arbitrary: few, weight: 2 })
}

const encoded = (text: string) => encodeURIComponent(text.toWellFormed())
