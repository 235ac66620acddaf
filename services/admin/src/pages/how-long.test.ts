import { expect, test } from 'vitest'
import { howLong } from './how-long.ts'

test.each([
  [-3, '0 s'],
  [0, '0 s'],
  [59.9, '59 s'],
  [60, '1 min'],
  [200, '3 min 20 s'],
  [3_600, '1 h'],
  [187_200, '2 d 4 h'],
])('%d seconds are %s', (seconds, text) => {
  expect(howLong(seconds)).toBe(text)
})
