import { expect, test } from 'vitest'
import { harmlessLines, harmlessText } from './harmless-text.ts'

test.each([
  ['plain text stays', 'GET /healthz 200 ü 🦊', 'GET /healthz 200 ü 🦊'],
  ['markup stays text', '<img src=x onerror=alert(1)>', '<img src=x onerror=alert(1)>'],
  ['a tab stays', 'a\tb', 'a\tb'],
  ['colours go', '\u001b[31mred\u001b[0m and \u001b[38;5;12mblue\u001b[m', 'red and blue'],
  ['the cursor stays where it is', 'a\u001b[2J\u001b[1;1Hb\u001b[?25l', 'ab'],
  ['CSI in one character', '\u009b31mred\u009b0m', 'red'],
  ['a title is not set', 'a\u001b]0;owned\u0007b', 'ab'],
  ['a title ended by ST', 'a\u001b]2;owned\u001b\\b', 'ab'],
  ['a link is not made', '\u001b]8;;https://evil.test\u001b\\click\u001b]8;;\u001b\\', 'click'],
  ['the clipboard is not written', '\u001b]52;c;aGk=\u0007x', 'x'],
  ['a string without an end hides nothing', 'a\u001b]0;never', 'a\\x1b]0;never'],
  ['DCS, APC', 'a\u001bPq#0\u001b\\b\u001b_x\u001b\\c', 'abc'],
  ['other escapes', 'a\u001b(Bb\u001bcc\u001b7d', 'abcd'],
  ['a lone escape is seen', 'a\u001b', 'a\\x1b'],
  ['controls are seen', 'a\u0000b\u0007c\u007fd\u0085e\bf', 'a\\x00b\\x07c\\x7fd\\x85e\\x08f'],
  ['a line that was written over is seen whole', '10%\r20%', '10%\\x0d20%'],
  ['the end of a line of DOS goes', 'done\r', 'done'],
  ['turned text is seen', 'a\u202eb\u2066c\u2069\u200f', 'a\\u202eb\\u2066c\\u2069\\u200f'],
  ['separators and hidden marks are seen', 'a\u2028b\u200bc\ufeff', 'a\\u2028b\\u200bc\\ufeff'],
])('%s', (_, given, shown) => {
  expect(harmlessText(given)).toBe(shown)
})

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
const commands = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/

test('what is left is never taken for a command, whatever was taken out of the middle', () => {
  const pieces = ['\u001b', '[', ']', '31m', '\u009b', '\u0007', 'x', '\\', ';', '\u009d', '\u202e', 'P']
  let seed = 7
  const next = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
    return seed
  }
  for (let run = 0; run < 3_000; run++) {
    const text = Array.from({ length: 8 }, () => pieces[next() % pieces.length]).join('')
    expect(harmlessText(text)).not.toMatch(commands)
  }
})

test('lines keep their ends', () => {
  expect(harmlessLines('a\u001b[1m\r\nb')).toBe('a\nb')
})
