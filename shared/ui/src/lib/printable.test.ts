import { expect, test } from 'vitest'
import { printable } from './printable.ts'

test('what a program printed stands in one line and hides nothing', () => {
  expect(printable('not healthy after 60 s: é 漢 😀')).toBe('not healthy after 60 s: é 漢 😀')
  expect(printable('one\r\n  two\tthree\u2028four\n')).toBe('one two three four')
  expect(printable('\u001b[31mred\u0007')).toBe('\ufffd[31mred\ufffd')
  expect(printable('file\u202egnp.exe')).toBe('file\ufffdgnp.exe')
  expect(printable('a\u200bb\u{e0041}')).toBe('a\ufffdb\ufffd')
})
