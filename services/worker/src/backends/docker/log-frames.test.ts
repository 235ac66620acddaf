import { describe, expect, test } from 'vitest'
import { frameReader, sinceOf } from './log-frames.ts'

const ts = '2026-11-22T07:23:34.716718918Z'

function wire(kind: number, text: string | Buffer): Buffer {
  const payload = Buffer.concat([Buffer.from(`${ts} `), Buffer.from(text as string)])
  const header = Buffer.alloc(8)
  header[0] = kind
  header.writeUInt32BE(payload.length, 4)
  return Buffer.concat([header, payload])
}

const bytes = Buffer.concat([
  wire(1, 'one\n'),
  wire(2, 'an error \n'),
  wire(1, 'goes on'),
  wire(1, '\n'),
  wire(1, Buffer.from([0xff, 0x00, 0x0a])),
])
const frames = [
  { ts, stream: 'stdout', text: Buffer.from('one'), partial: false },
  { ts, stream: 'stderr', text: Buffer.from('an error '), partial: false },
  { ts, stream: 'stdout', text: Buffer.from('goes on'), partial: true },
  { ts, stream: 'stdout', text: Buffer.alloc(0), partial: false },
  { ts, stream: 'stdout', text: Buffer.from([0xff, 0x00]), partial: false },
]

test('frames, wherever the chunks are cut', () => {
  expect(frameReader().read(bytes)).toEqual(frames)
  for (const size of [1, 7, 8, 9, 50]) {
    const reader = frameReader()
    const read = []
    for (let at = 0; at < bytes.length; at += size) read.push(...reader.read(bytes.subarray(at, at + size)))
    expect(read).toEqual(frames)
  }
})

describe('what is no log stream', () => {
  test.each([
    ['an unknown stream', Buffer.from([9, 0, 0, 0, 0, 0, 0, 1, 65])],
    ['a length beyond any frame', Buffer.from([1, 0, 0, 0, 0x7f, 0, 0, 0])],
    ['no timestamp', Buffer.from([1, 0, 0, 0, 0, 0, 0, 1, 65])],
  ])('%s', (_, chunk) => expect(() => frameReader().read(chunk)).toThrow(RangeError))
})

test('times keep their nanoseconds', () => {
  expect(sinceOf(ts, 0)).toBe('1795332214.716718918')
  expect(sinceOf('2026-11-22T07:23:34.000000001Z', -1_000)).toBe('1795332213.000000001')
  expect(sinceOf('2026-11-22T07:23:34Z', 5)).toBe('1795332214.005000000')
  expect(sinceOf('1970-01-01T00:00:01.000000000Z', -60_000)).toBe('0.000000000')
})
