import { expect, test } from 'vitest'
import { afterClose } from './close-words.ts'
import { rowsOf } from './log-feed.ts'
import { gapWords, lineTime, piecesOf, rowText } from './log-text.ts'

const ts = '2026-01-02T03:04:05.678901234Z'

test('what is looked for is found in any case', () => {
  const found = (text: string, query: string) =>
    piecesOf(text, query).map((piece) => [piece.text, piece.found])
  expect(found('An Error, an error', 'ERROR')).toEqual([
    ['An ', false],
    ['Error', true],
    [', an ', false],
    ['error', true],
  ])
  expect(found('aaa', 'aa')).toEqual([
    ['aa', true],
    ['a', false],
  ])
  expect(found('nothing', 'x')).toEqual([['nothing', false]])
  expect(found('', 'x')).toEqual([['', false]])
  expect(found('İx', 'x')).toEqual([['İx', false]])
})

test('rows as lines of a file', () => {
  expect(rowText({ kind: 'line', seq: 1, ts, stream: 'stderr', text: 'no' }, true)).toBe(`${ts} stderr no`)
  expect(rowText({ kind: 'line', seq: 1, ts, stream: 'stderr', text: 'no' }, false)).toBe('no')
  const gap = { kind: 'gap', seq: 4, from: 4, to: 9, reason: 'older than what is kept' } as const
  expect(rowText(gap, true)).toBe('--- 6 lines are missing here: older than what is kept')
  expect(gapWords({ from: 4, to: 4, reason: 'x' })).toBe('Lines are missing here: x')
})

test('a time has milliseconds, and what is none stays', () => {
  expect(lineTime(ts)).toMatch(/^\d\d:\d\d:05\.678$/)
  expect(lineTime('soon')).toBe('soon')
})

test('stored lines, with gaps and the change of a generation', () => {
  const rows = rowsOf([
    { seq: 1, ts, generation: 1, stream: 'stdout', text: 'a' },
    { seq: 2, ts, generation: 1, gap: { from: 2, to: 3, reason: 'why' } },
    { seq: 4, ts, generation: 2, stream: 'stderr', text: 'b' },
  ])
  expect(rows.map((row) => row.kind)).toEqual(['line', 'gap', 'note', 'line'])
  expect(rows[2]).toEqual({ kind: 'note', text: 'Generation 2 of the agent begins' })
})

test.each([
  [1006, true],
  [1013, true],
  [4401, true],
  [4408, true],
  [4403, false],
  [4404, false],
  [4409, false],
  [4429, false],
])('after a close with %i it comes again: %s', (code, again) => {
  expect(afterClose(code).again).toBe(again)
  expect(afterClose(code).why).toMatch(/\.$/)
})
