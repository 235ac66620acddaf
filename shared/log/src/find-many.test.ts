import { randomBytes } from 'node:crypto'
import { leastCpuMs } from '@nora/testing/own-time'
import { expect, test } from 'vitest'
import { replacerOf } from './find-many.ts'
import { exactScrubber } from './scrub-exact.ts'

/** The same by looking for each at each place. */
function replaced(wanted: readonly string[], text: string): string {
  let clean = ''
  let from = 0
  let end = -1
  for (let at = 0; at < text.length; at++) {
    const length = Math.max(0, ...wanted.filter((one) => text.startsWith(one, at)).map((one) => one.length))
    if (length === 0) continue
    if (at >= end) {
      clean += `${text.slice(from, at)}#`
      end = at
    }
    end = Math.max(end, at + length)
    from = end
  }
  return clean + text.slice(from)
}

test.each([
  ['nothing', ['abcd'], 'abc abd', 'abc abd'],
  ['at both ends', ['abcd'], 'abcd-abcd', '#-#'],
  ['side by side', ['abcd'], 'abcdabcd', '##'],
  ['the longest of those that begin alike', ['abcd', 'abcdef', 'abcde'], 'abcdefg abcdeg abcdg', '#g #g #g'],
  ['one that is followed by more than another has', ['abcd', 'abcdzz'], 'abcdza', '#za'],
  ['overlapping ones as one', ['abcde', 'defgh'], 'abcdefghi', '#i'],
  ['one with itself', ['aaaa'], 'aaaaaa', '#'],
  ['the end of a text that could go on', ['abcdef'], 'abcde', 'abcde'],
  ['letters beyond ASCII', ['schlüssel漢字', '🔑🔑'], 'der schlüssel漢字 🔑🔑', 'der # #'],
])('replaces %s', (_, wanted, text, expected) => {
  expect(replacerOf(wanted, '#')(text)).toBe(expected)
})

test('finds what looking for each at each place finds', () => {
  let state = 7
  const random = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((state / 2_147_483_648) * below)
  }
  const textOf = (length: number) => Array.from({ length }, () => 'abc'[random(3)]).join('')
  let found = 0
  for (let round = 0; round < 3_000; round++) {
    const wanted = Array.from({ length: 1 + random(12) }, () => textOf(4 + random(5)))
    const text = textOf(random(60))
    const expected = replaced(wanted, text)
    expect(replacerOf(wanted, '#')(text), `${wanted} in ${text}`).toBe(expected)
    if (expected !== text) found++
  }
  expect(found).toBeGreaterThan(1_000)
})

test('fifty secrets of a thousand lines each are taken out of a chunk of log well within a heartbeat', () => {
  const line = () => `${randomBytes(7).toString('hex')}/"`
  const secrets = Array.from({ length: 50 }, () => Array.from({ length: 950 }, line).join('\n'))
  const scrub = exactScrubber(secrets.map((secret) => Buffer.from(secret)))
  const one = secrets[2]!.split('\n')[500]
  const text = `${randomBytes(32_000).toString('hex')} ${one} ${secrets[37]} ${Buffer.from(secrets[49]!).toString('hex')}`
  expect(scrub(text)).toBe(`${text.slice(0, 64_000)} [redacted] [redacted] [redacted]`)
  expect(leastCpuMs(() => scrub(text))).toBeLessThan(1_000)
})
