import { encodeChunk, type LogRecord } from '@nora/events/log-chunk'
import { expect, test } from 'vitest'
import { piecesOf } from './view-frames.ts'

const ts = '2026-11-22T07:00:00.123456789Z'
const line = (seq: number, text: string): LogRecord => ({
  seq,
  ts,
  stream: seq % 2 ? 'stdout' : 'stderr',
  text,
})
const row = async (records: LogRecord[], last = records.at(-1)!.seq) => ({
  first_seq: records[0]!.seq,
  last_seq: last,
  generation: 1,
  data: await encodeChunk(records),
})
const parsed = (frames: string[]) => frames.map((frame) => JSON.parse(frame))

test('gives every record after a number as it was, up to fifty lines a frame', async () => {
  const texts = ['', 'a,b', '"]', '[1,"x","g",{}]', '\\', 'nul\u0000', '🦊']
  const records = Array.from({ length: 120 }, (_, i) => line(i + 1, texts[i % texts.length]!))
  const [piece] = await piecesOf([await row(records)], 3, { holes: true })
  expect(piece).toMatchObject({ after: 3, last: 120, generation: 1 })
  const frames = parsed(piece!.frames)
  expect(frames.map((frame) => frame.lines.length)).toEqual([50, 50, 17])
  expect(frames.flatMap((frame) => frame.lines)).toEqual(records.slice(3))
})

test('a gap is a frame of its own, in its place', async () => {
  const records = [line(1, 'a'), { seq: 2, ts, gap: { from: 2, to: 2, reason: 'why' } }, line(3, 'b')]
  const [piece] = await piecesOf([await row(records)], 0, { holes: true })
  expect(parsed(piece!.frames)).toMatchObject([
    { type: 'lines', lines: [{ seq: 1 }] },
    { type: 'gap', from: 2, to: 2, reason: 'why' },
    { type: 'lines', lines: [{ seq: 3 }] },
  ])
})

test('what retention took is a gap; what a filter left out is none', async () => {
  const rows = [await row([line(10, 'x')]), await row([line(11, 'y')])]
  const pieces = await piecesOf(rows, 4, { holes: true })
  expect(pieces.map(({ after, last }) => [after, last])).toEqual([
    [4, 10],
    [10, 11],
  ])
  expect(parsed(pieces[0]!.frames)[0]).toMatchObject({ type: 'gap', from: 5, to: 9 })
  expect((await piecesOf(rows, 4, { holes: false }))[0]!.frames.length).toBe(1)
  expect(await piecesOf(rows, 11, { holes: true })).toEqual([])
})

test('long lines close their frame early', async () => {
  const rows = [await row([line(1, 'x'.repeat(60_000)), line(2, 'y'.repeat(60_000)), line(3, 'z')])]
  const [piece] = await piecesOf(rows, 0, { holes: true })
  expect(parsed(piece!.frames).map((frame) => frame.lines.length)).toEqual([2, 1])
})
