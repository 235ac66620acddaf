import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { liveCursors } from './cursor.ts'

const seed = randomBytes(32)
const snapshot = '1000:1010:1003,1007'

test('a cursor opens in its own place, for ten minutes, and shows nothing of what it holds', () => {
  let now = 1_800_000_000_000
  const here = liveCursors(seed, () => now)
  const cursor = here.seal('a', snapshot)
  expect(here.open('a', cursor)).toBe(snapshot)
  expect(liveCursors(Buffer.from(seed), () => now).open('a', cursor)).toBe(snapshot)
  expect(Buffer.from(cursor, 'base64url').toString('latin1')).not.toContain('100')
  expect(here.seal('a', snapshot)).not.toBe(cursor)
  expect(here.open('b', cursor)).toBeUndefined()
  expect(liveCursors(randomBytes(32), () => now).open('a', cursor)).toBeUndefined()
  now += 600_000
  expect(here.open('a', cursor)).toBeUndefined()
})

test('a cursor that was changed or made up is none', () => {
  const { seal, open } = liveCursors(seed, Date.now)
  const bytes = Buffer.from(seal('a', snapshot), 'base64url')
  for (let place = 0; place < bytes.length; place++) {
    const changed = Buffer.from(bytes)
    changed[place]! ^= 1
    expect(open('a', changed.toString('base64url'))).toBeUndefined()
  }
  for (const text of ['', 'x', snapshot, 'ä'.repeat(50), 'A'.repeat(100_000)])
    expect(open('a', text)).toBeUndefined()
})
