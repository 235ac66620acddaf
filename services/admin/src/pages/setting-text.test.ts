import { expect, test } from 'vitest'
import { settingText } from './setting-text.ts'

test.each([
  [null, '–'],
  ['', '–'],
  [0, '0'],
  [false, 'no'],
  [[], 'none'],
  [['a', 1], 'a, 1'],
  [{ max: 5, windowMs: 60_000 }, 'max: 5, windowMs: 60000'],
  [{ login: { max: 5 }, hosts: ['a'] }, 'login: max: 5\nhosts: a'],
])('%j is read as %s', (value, text) => {
  expect(settingText(value)).toBe(text)
})
