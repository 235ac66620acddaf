import { expect, test } from 'vitest'
import { createLogBuffer, type LogRow, lineRow } from './log-buffer.ts'

const ts = '2026-01-02T03:04:05Z'
const line = (seq: number, text = `line ${seq}`) => lineRow({ seq, ts, stream: 'stdout', text })
const lines = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => line(from + at))
const seqs = (rows: LogRow[]) => rows.map((row) => (row.kind === 'note' ? 0 : row.seq))

test('keeps the newest rows while it follows', () => {
  const buffer = createLogBuffer({ mostRows: 300 })
  buffer.add(lines(1, 1_000))
  const kept = seqs(buffer.rows())
  expect(kept.at(-1)).toBe(1_000)
  expect(kept.length).toBeLessThanOrEqual(300)
  expect(kept.length).toBeGreaterThan(200)
  expect(buffer.view()).toMatchObject({ count: kept.length, waiting: 0, oldest: kept[0] })
})

test('long lines count by what they hold', () => {
  const buffer = createLogBuffer({ mostRows: 5_000, mostChars: 100_000 })
  for (let seq = 1; seq <= 1_000; seq++) buffer.add([line(seq, 'x'.repeat(1_000))])
  expect(buffer.view().count).toBeLessThanOrEqual(200)
})

test('new rows wait while somebody reads', () => {
  const buffer = createLogBuffer()
  buffer.add(lines(1, 10))
  buffer.hold()
  buffer.add(lines(11, 13))
  expect(buffer.view()).toMatchObject({ count: 10, waiting: 3, endIsCut: false })
  expect(buffer.release()).toBe(true)
  expect(seqs(buffer.rows())).toEqual(lines(1, 13).map((_, at) => at + 1))
})

test('begins anew when too much came meanwhile', () => {
  const buffer = createLogBuffer({ mostRows: 100 })
  buffer.add(lines(1, 10))
  buffer.hold()
  buffer.add(lines(11, 300))
  expect(buffer.view()).toMatchObject({ count: 10, waiting: 290, endIsCut: true })
  expect(buffer.release()).toBe(false)
  expect(buffer.view()).toMatchObject({ count: 0, waiting: 0, endIsCut: false })
  expect(buffer.lastSeq()).toBeUndefined()
})

test('older rows come before, and the newest make room', () => {
  const buffer = createLogBuffer({ mostRows: 250 })
  buffer.add(lines(501, 600))
  buffer.hold()
  buffer.addOlder(lines(401, 505))
  expect(seqs(buffer.rows())).toEqual(lines(401, 600).map((_, at) => 401 + at))
  expect(buffer.view().endIsCut).toBe(false)
  buffer.addOlder(lines(301, 400))
  expect(buffer.rows()[0]).toMatchObject({ seq: 301 })
  expect(buffer.view()).toMatchObject({ endIsCut: true, oldest: 301 })
  expect(buffer.release()).toBe(false)
})

test('another place of the log is shown in place of this one', () => {
  const buffer = createLogBuffer()
  buffer.add(lines(900, 1_000))
  buffer.hold()
  buffer.begin(lines(10, 20))
  buffer.add(lines(1_001, 1_002))
  expect(buffer.view()).toMatchObject({ count: 11, oldest: 10, waiting: 2, endIsCut: true })
  expect(buffer.lastSeq()).toBe(1_002)
  expect(buffer.release()).toBe(false)
})

test('what comes twice is there once, and gaps take their numbers', () => {
  const buffer = createLogBuffer()
  buffer.add([...lines(1, 3), { kind: 'gap', seq: 4, from: 4, to: 9, reason: 'rotated' }])
  buffer.add([{ kind: 'note', text: 'connected again' }, ...lines(2, 12)])
  expect(seqs(buffer.rows())).toEqual([1, 2, 3, 4, 0, 10, 11, 12])
  expect(buffer.lastSeq()).toBe(12)
})

test('a view stays the same object until something changes, and so do full blocks', () => {
  const buffer = createLogBuffer()
  buffer.add(lines(1, 150))
  const before = buffer.view()
  expect(buffer.view()).toBe(before)
  buffer.add(lines(151, 151))
  expect(buffer.view().blocks[0]).toBe(before.blocks[0])
  expect(buffer.view().blocks[1]).not.toBe(before.blocks[1])
})

test('what an agent prints is kept as it may be shown', () => {
  expect(line(1, '\u001b[31mred\u202e')).toMatchObject({ text: 'red\\u202e' })
})
