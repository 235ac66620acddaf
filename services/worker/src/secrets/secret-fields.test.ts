import { expect, test } from 'vitest'
import { readSecretFields, wipeFields } from './secret-fields.ts'

const read = (text: string) => readSecretFields(Buffer.from(text))

test.each([
  [{}],
  [{ apiKey: 'sk-plain' }],
  [{ apiKey: '', model: 'x' }],
  [{ a: 'quote " back \\ slash / nl \n tab \t bell \u0007 nul \u0000 del \u007f' }],
  [{ a: 'ünïcode 🦊 \u2028', b: '🦊🦊' }],
  [{ pem: '-----BEGIN X-----\r\nAAAA\n-----END X-----\n' }],
])('reads back what JSON.stringify wrote: %j', (secret: Record<string, string>) => {
  const fields = read(JSON.stringify(secret))
  expect(Object.fromEntries(Object.entries(fields).map(([k, v]) => [k, v.toString('utf8')]))).toEqual(secret)
  expect(Object.keys(read(JSON.stringify(secret, null, 2)))).toEqual(Object.keys(secret))
})

test('reads escapes that JSON.stringify does not use', () => {
  expect(read('{"a":"\\u0041\\/\\ud83e\\udd8a\\u00e9"}')['a']?.toString('utf8')).toBe('A/🦊é')
})

test('holds a field called __proto__ as a field', () => {
  expect(Object.entries(read('{"__proto__":"x"}')).map(([name, value]) => [name, value.toString()])).toEqual([
    ['__proto__', 'x'],
  ])
})

test.each([
  ...['', '[]', '"x"', '{', '{"a"}', '{"a":1}', '{"a":null}', '{"a":"x"', '{"a":"x"}x', '{"a":"x",}', '{,}'],
  ...[
    '{"a":"x" "b":"y"}',
    '{"a":"x","a":"y"}',
    '{"a":"\\x"}',
    '{"a":"\\u12"}',
    '{"a":"raw\nline"}',
    '{"a":{}}',
  ],
])('refuses %j and quotes nothing of it', (text) => {
  expect(() => read(text)).toThrow('the secret is not a JSON object of texts')
})

test('wipes every value', () => {
  const fields = read('{"a":"secret","b":"other"}')
  wipeFields(fields)
  expect(Object.values(fields).every((value) => value.every((byte) => byte === 0))).toBe(true)
})
