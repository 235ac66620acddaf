import { expect, test } from 'vitest'
import type { LogFrame } from '../backends/backend.ts'
import { type LineJoiner, lineJoiner } from './line-joiner.ts'

let at = 0
const frame = (stream: 'o' | 'e', text: string, partial = false): LogFrame => ({
  containerId: 'c',
  ts: `t${String(++at).padStart(4, '0')}`,
  ordinal: 0,
  stream: stream === 'o' ? 'stdout' : 'stderr',
  text: Buffer.from(text),
  partial,
})
const texts = (joiner: LineJoiner) => joiner.take().lines.map((line) => line.text.toString())

test('whole lines pass as they are', () => {
  const joiner = lineJoiner()
  const frames = [frame('o', 'a'), frame('e', ''), frame('o', 'c')]
  for (const one of frames) joiner.push(one)
  expect(joiner.readyBytes()).toBe(2)
  const { lines, position } = joiner.take()
  expect(lines).toEqual(frames)
  expect(position).toEqual({ ts: frames[2]!.ts, ordinal: 0 })
  expect(joiner.take().lines).toEqual([])
})

test('pieces become one line with the time of the first', () => {
  const joiner = lineJoiner()
  const first = frame('o', 'one ', true)
  joiner.push(first)
  joiner.push(frame('o', 'two ', true))
  expect(joiner.take()).toEqual({ lines: [], position: undefined })
  const last = frame('o', 'three')
  joiner.push(last)
  const { lines, position } = joiner.take()
  expect(lines).toMatchObject([{ ts: first.ts, stream: 'stdout' }])
  expect(lines[0]!.text.toString()).toBe('one two three')
  expect(position).toEqual({ ts: last.ts, ordinal: 0 })
})

test('a line of the other stream waits, so that no position passes an unfinished line', () => {
  const joiner = lineJoiner()
  joiner.push(frame('o', 'before'))
  joiner.push(frame('o', 'begin-', true))
  joiner.push(frame('e', 'between'))
  const { lines, position } = joiner.take()
  expect(lines.length).toBe(1)
  expect(position?.ts).toBe(lines[0]!.ts)
  const end = frame('o', 'end')
  joiner.push(end)
  const after = joiner.take()
  expect(after.lines.map((line) => line.text.toString())).toEqual(['begin-end', 'between'])
  expect(after.position?.ts).toBe(end.ts)
})

test('a finished line waits for one of the other stream that began before its end', () => {
  const joiner = lineJoiner()
  joiner.push(frame('o', 'a1', true))
  joiner.push(frame('e', 'b1', true))
  joiner.push(frame('o', 'a2'))
  expect(texts(joiner)).toEqual([])
  joiner.push(frame('e', 'b2'))
  expect(texts(joiner)).toEqual(['a1a2', 'b1b2'])
})

test('beginning again anywhere after a take gives every line once', () => {
  let seed = 7
  const random = (n: number) => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed % n
  }
  for (let round = 0; round < 200; round++) {
    const frames: LogFrame[] = []
    for (let i = 0; i < 30; i++) frames.push(frame(random(2) ? 'o' : 'e', `${i};`, random(3) === 0))
    const whole = lineJoiner()
    for (const one of frames) whole.push(one)
    whole.finish()
    const expected = texts(whole)

    const stored: string[] = []
    let position: string | undefined
    let rest = frames
    while (rest.length > 0) {
      // A life that reads some frames, stores what is ready, and is killed.
      const joiner = lineJoiner()
      const life = rest.slice(0, 1 + random(rest.length))
      for (const one of life) joiner.push(one)
      if (life.length === rest.length) joiner.finish()
      const taken = joiner.take()
      stored.push(...taken.lines.map((line) => line.text.toString()))
      position = taken.position?.ts ?? position
      rest = frames.filter((one) => position === undefined || one.ts > position)
      if (taken.lines.length === 0 && life.length === rest.length) break
    }
    expect(stored).toEqual(expected)
  }
})

test('a line that is too long is cut once; its rest is skipped and passed', () => {
  const joiner = lineJoiner()
  const piece = 'x'.repeat(16_384)
  for (let i = 0; i < 20; i++) joiner.push(frame('o', piece, true))
  const { lines } = joiner.take()
  expect(lines.map((line) => [line.text.length, line.cut])).toEqual([[5 * 16_384, true]])
  joiner.push(frame('o', 'end'))
  expect(joiner.take().lines).toEqual([])
  joiner.push(frame('o', 'next'))
  expect(texts(joiner)).toEqual(['next'])
})

test('an end without newline is a line, and so is one that is waited for too long', () => {
  let now = 1000
  const joiner = lineJoiner(() => now)
  expect(joiner.waitedMs(5000)).toBe(0)
  joiner.push(frame('o', 'no newline', true))
  now = 4000
  expect(joiner.waitedMs(now)).toBe(3000)
  joiner.finish()
  expect(texts(joiner)).toEqual(['no newline'])
  joiner.push(frame('o', 'rest'))
  expect(texts(joiner)).toEqual(['rest'])
})

test('what is held back is bounded', () => {
  const joiner = lineJoiner()
  joiner.push(frame('o', 'never ends', true))
  const piece = 'y'.repeat(16_000)
  for (let i = 0; i < 100; i++) joiner.push(frame('e', piece))
  expect(joiner.readyBytes()).toBeGreaterThan(1_000_000)
  expect(texts(joiner)[0]).toBe('never ends')
})

test('bytes that are no UTF-8 stay bytes', () => {
  const joiner = lineJoiner()
  const bytes = Buffer.from([0xff, 0x00, 0xfe, 0x0d])
  joiner.push({ ...frame('o', ''), text: bytes })
  expect(joiner.take().lines[0]!.text.equals(bytes)).toBe(true)
})
