import { exactScrubber } from '@nora/log/scrub-exact'
import { expect, test } from 'vitest'
import { lineScrubber, lookedFor } from './given-scrubber.ts'

const scrubber = (...values: string[]) => lineScrubber(exactScrubber(values.map((v) => Buffer.from(v))), 0)

test('gives as many lines as it was given, whatever it takes out', () => {
  const lines = Array.from({ length: 100 }, (_, i) => (i % 7 ? `line ${i}` : `key Zq7Plum4Tambourine2 ${i}`))
  const cleaned = scrubber('Zq7Plum4Tambourine2').scrub(lines)
  expect(cleaned).toEqual(lines.map((line) => line.replace('Zq7Plum4Tambourine2', '[redacted]')))
})

test('known shapes go as well, and their neighbours stay', () => {
  const cleaned = scrubber().scrub(['before', 'the key is sk-abcdefghijklmnop', 'after', ''])
  expect(cleaned).toEqual(['before', 'the key is [redacted]', 'after', ''])
})

test('a secret of several lines goes line by line, and no line is lost', () => {
  const secret =
    'first line of the long secret\nsecond line of the long secret\nthird line of the long secret'
  const cleaned = scrubber(secret).scrub(['a', ...secret.split('\n'), 'b'])
  expect(cleaned).toEqual(['a', '[redacted]', '[redacted]', '[redacted]', 'b'])
})

test('a private key goes, over calls too, and what follows is read again', () => {
  const one = scrubber()
  expect(one.scrub(['x', '-----BEGIN RSA PRIVATE KEY-----', 'MIIEvQIBADANBg'])).toEqual([
    'x',
    '[redacted]',
    '[redacted]',
  ])
  expect(one.scrub(['kqhkiG9w0BAQEF', '-----END RSA PRIVATE KEY-----', 'plain'])).toEqual([
    '[redacted]',
    '[redacted]',
    'plain',
  ])
  expect(one.scrub(['plain again'])).toEqual(['plain again'])
})

test('a private key that never ends does not swallow the log', () => {
  const one = scrubber()
  const cleaned = one.scrub(['-----BEGIN PRIVATE KEY-----', ...Array.from({ length: 400 }, () => 'log line')])
  expect(cleaned.at(-1)).toBe('log line')
})

test('keys that were replaced without end cost a bounded amount, and none pushes out what is held', () => {
  const sealed = Buffer.alloc(16 * 1024)
  const held = Array.from({ length: 50 }, (_, index) => ({ id: `held-${index}`, version: 1, sealed }))
  const replaced = Array.from({ length: 5_000 }, (_, index) => ({ id: 'replaced', version: index, sealed }))
  const found = lookedFor([...held, ...replaced])
  expect(found).toHaveLength(64)
  expect(found).toEqual(expect.arrayContaining(held))
  const versions = found.filter(({ id }) => id === 'replaced').map(({ version }) => version)
  expect(versions).toEqual(Array.from({ length: 14 }, (_, index) => 4_999 - index))
})
