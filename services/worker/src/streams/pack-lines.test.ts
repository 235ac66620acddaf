import { parseRecord } from '@nora/events/log-chunk'
import { expect, test } from 'vitest'
import type { Line } from './line-joiner.ts'
import { joinTexts, packGap, packLines } from './pack-lines.ts'

const lines = (...texts: (string | Buffer)[]): Line[] =>
  texts.map((text, i) => ({ ts: `2026-11-22T07:00:0${i % 10}Z`, stream: 'stdout', text: Buffer.from(text) }))
const pack = (given: Line[], seq = 1, grow?: Parameters<typeof packLines>[3]) =>
  packLines(given, joinTexts(given).split('\n'), seq, grow)
const records = (text: string) => text.trimEnd().split('\n').map(parseRecord)

test('joins and splits back to the same lines, empty ones too', () => {
  for (const texts of [['a', 'b'], [''], ['', ''], ['', 'x', ''], ['ü', '🦊\r']]) {
    expect(joinTexts(lines(...texts)).split('\n')).toEqual(texts)
  }
})

test('bytes that are no UTF-8 become replacement characters and swallow nothing', () => {
  const binary = [
    Buffer.from([0xe2, 0x82]),
    Buffer.from('next'),
    Buffer.from([0xff, 0x41, 0xc3]),
    Buffer.from(''),
  ]
  expect(joinTexts(lines(...binary)).split('\n')).toEqual(['\ufffd', 'next', '\ufffdA\ufffd', ''])
})

test('numbers lines, and says a gap with a number of its own', () => {
  const given = lines('a', 'b', 'c')
  given[1] = { ...given[1]!, gapBefore: true }
  const { drafts, nextSeq } = pack(given, 10)
  expect(nextSeq).toBe(14)
  expect(drafts).toMatchObject([{ firstSeq: 10, lastSeq: 13, lines: 4 }])
  expect(records(drafts[0]!.text)).toMatchObject([
    { seq: 10, text: 'a' },
    { seq: 11, gap: { from: 11, to: 11 } },
    { seq: 12, text: 'b' },
    { seq: 13, text: 'c' },
  ])
})

test('no chunk is larger than 64 KiB, and nothing is lost between chunks', () => {
  const given = lines(...Array.from({ length: 3000 }, (_, i) => `line ${i} ${'ü'.repeat(i % 90)}`))
  const { drafts, nextSeq } = pack(given)
  expect(drafts.length).toBeGreaterThan(3)
  for (const draft of drafts) {
    expect(draft.bytes).toBe(Buffer.byteLength(draft.text))
    expect(draft.bytes).toBeLessThanOrEqual(65_536)
  }
  expect(nextSeq).toBe(3001)
  expect(drafts.flatMap((draft) => records(draft.text)).map((record) => record.seq)).toEqual(
    given.map((_, i) => i + 1),
  )
})

test('a small last chunk grows until it is full', () => {
  const first = pack(lines('a', 'b'))
  const second = pack(lines('c'), first.nextSeq, first.drafts[0])
  expect(second.drafts).toMatchObject([{ firstSeq: 1, lastSeq: 3, lines: 3 }])
  expect(records(second.drafts[0]!.text).map((r) => ('text' in r ? r.text : null))).toEqual(['a', 'b', 'c'])
  const big = pack(lines('x'.repeat(65_500)), second.nextSeq, second.drafts[0])
  expect(big.drafts).toMatchObject([
    { firstSeq: 1, lastSeq: 3 },
    { firstSeq: 4, lastSeq: 4 },
  ])
})

test('a line longer than 64 KiB is cut behind a whole character and says so', () => {
  const { drafts } = pack(lines('ü'.repeat(40_000), 'x'.repeat(65_536), 'y'.repeat(65_537)))
  const texts = drafts.flatMap((draft) => records(draft.text)).map((r) => ('text' in r ? r.text : ''))
  expect(texts[0]).toMatch(/^ü{32768} \[cut here: /)
  expect(texts[1]).toBe('x'.repeat(65_536))
  expect(texts[2]).toMatch(/^y{65536} \[cut here: /)
})

test('a lone gap', () => {
  expect(records(packGap(5, 't', 'why').text)).toEqual([
    { seq: 5, ts: 't', gap: { from: 5, to: 5, reason: 'why' } },
  ])
})
