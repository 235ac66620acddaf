import { describe, expect, test } from 'vitest'
import type { LogFrame } from '../backend.ts'
import type { EngineFrame } from './log-frames.ts'
import { type LogPosition, logPosition } from './log-position.ts'

const at = (ms: number) => new Date(1_800_000_000_000 + ms).toISOString().replace('Z', '000000Z')

/** `5o hello` is a line of stdout 5 ms after the start; `+` at its end: the line goes on. */
function frame(text: string): EngineFrame {
  const [, ms = '', stream, line = '', partial] = /^(\d+)([oe]) (.*?)(\+?)$/.exec(text) ?? []
  return {
    ts: at(Number(ms)),
    stream: stream === 'e' ? 'stderr' : 'stdout',
    text: Buffer.from(line),
    partial: partial === '+',
  }
}
const file = (...lines: string[]) => lines.map(frame)
const texts = (frames: LogFrame[]) =>
  frames.map((one) => `${one.gapBefore ? '...' : ''}${one.text.toString()}`)

function held(position: LogPosition, frames: EngineFrame[]): string[] {
  const got: LogFrame[] = []
  do {
    position.begin('held')
    got.push(...position.take(frames))
  } while (position.missed())
  return texts(got)
}

const log = file('1o a', '2o long+', '3e in between', '2o goes+', '2o on', '4o b', '4e b2', '4o c', '9o d')

test('from the beginning, then nothing twice', () => {
  const position = logPosition('x', undefined)
  expect(position.begin('held')).toBeUndefined()
  expect(texts(position.take(log.slice(0, 3)))).toEqual(['a', 'long', 'in between'])
  expect(held(position, log)).toEqual(['goes', 'on', 'b', 'b2', 'c', 'd'])
  expect(held(position, log)).toEqual([])
})

test('after every frame of the log, in the order of the file and not of time', () => {
  const all = logPosition('x', undefined)
  all.begin('held')
  const frames = all.take(log)
  for (const [index, { ts, ordinal }] of frames.entries()) {
    const position = logPosition('x', { containerId: 'x', ts, ordinal })
    expect(held(position, log)).toEqual(texts(frames.slice(index + 1)))
  }
})

test('asks from where an unfinished line began, and further back for a cursor of an earlier process', () => {
  const position = logPosition('x', undefined)
  position.begin('held')
  position.take(log.slice(0, 3))
  expect(position.begin('held')).toEqual({ from: at(2), marginMs: 1_000 })
  const resumed = logPosition('x', { containerId: 'x', ts: at(3), ordinal: 0 })
  expect(resumed.begin('held')).toEqual({ from: at(3), marginMs: 60_000 })
})

describe('a cursor that is no longer held', () => {
  test('says the gap once, and gives what is younger', () => {
    const position = logPosition('x', { containerId: 'x', ts: at(2), ordinal: 9 })
    expect(held(position, log)).toEqual(['...in between', 'goes', 'on', 'b', 'b2', 'c', 'd'])
  })

  test('in one pass where the whole file is younger', () => {
    const position = logPosition('x', undefined)
    position.begin('held')
    position.take(log)
    position.begin('held')
    expect(texts(position.take(file('5000o e', '5001o f')))).toEqual(['...e', 'f'])
    expect(position.missed()).toBe(false)
  })
})

test('streams that overtake each other are no gap', () => {
  const overtaken = file('6e first', '5o second', '7o third')
  const position = logPosition('x', { containerId: 'x', ts: at(5), ordinal: 0 })
  expect(held(position, overtaken)).toEqual(['third'])
})

describe('a live pass', () => {
  const live = (...seen: string[]) => {
    const position = logPosition('x', undefined)
    position.begin('live')
    position.take(file(...seen))
    return position
  }

  test('is broken when the engine shows a line again', () => {
    for (const again of ['1o a', '2o b']) {
      const position = live('1o a', '2o b')
      expect(position.take(file(again, '3o c'))).toEqual([])
      expect(position.trust()).toBe('broken')
      expect(held(position, file('1o a', '2o b', '3o c'))).toEqual(['c'])
    }
  })

  test('is sound with the later pieces of a long line, and the same line at another time', () => {
    const position = live('1o a+')
    expect(texts(position.take(file('2e x', '1o a+', '1o a', '3o a', '4o a')))).toEqual([
      'x',
      'a',
      'a',
      'a',
      'a',
    ])
    expect(position.trust()).toBe('sound')
  })

  test('is doubtful when it meets something younger before the cursor, broken when much younger', () => {
    const position = logPosition('x', { containerId: 'x', ts: at(1), ordinal: 0 })
    position.begin('live')
    expect(position.take(file('5o b'))).toEqual([])
    expect(position.trust()).toBe('doubtful')
    expect(position.take(file('9000o c'))).toEqual([])
    expect(position.trust()).toBe('broken')
    expect(held(position, file('1o a', '5o b', '9000o c'))).toEqual(['b', 'c'])
  })

  test('is broken by a leap in time in the middle of much that comes late', () => {
    const much = Array.from({ length: 40 }, (_, i) => `${i}o ${'x'.repeat(10_000)}`)
    const start = 1_800_000_000_000
    const late = live()
    expect(late.take(file(...much), start + 5_000)).toHaveLength(40)
    expect(late.take(file('900o y'), start + 5_001)).toEqual([])
    expect(late.trust()).toBe('broken')
    const prompt = live()
    prompt.take(file(...much), start + 45)
    expect(prompt.take(file('900o y'), start + 901)).toHaveLength(1)
    expect(prompt.trust()).toBe('sound')
  })
})

describe('a busy live pass', () => {
  const many = (from: number, count: number) => Array.from({ length: count }, (_, i) => `${from + i}o x`)
  const busy = () => {
    const position = logPosition('x', undefined)
    position.begin('live')
    expect(position.take(file(...many(0, 5_000)))).toHaveLength(5_000)
    return position
  }

  test('that shows a file again from its beginning is broken, and the newest lines are enough to go on', () => {
    const position = busy()
    expect(position.take(file(...many(1_000, 3_000)))).toEqual([])
    expect([position.trust(), position.mustReadAll()]).toEqual(['broken', false])
    position.begin('tail')
    expect(texts(position.take(file(...many(4_990, 10), '5000o y')))).toEqual(['y'])
  })

  test('knows a file’s beginning that was read in an earlier pass, whether live or held', () => {
    for (const kind of ['live', 'held'] as const) {
      const position = logPosition('x', undefined)
      position.begin(kind)
      position.take(file(...many(0, 5_000)))
      position.begin('tail')
      expect(position.take(file(...many(4_990, 2_010)))).toHaveLength(2_000)
      expect(position.take(file(...many(1_000, 3_000)))).toEqual([])
      expect([position.trust(), position.mustReadAll()]).toEqual(['broken', false])
    }
  })

  test.each([4_900, 4_993])('knows a file that began just now, at line %i', (from) => {
    const position = busy()
    expect(position.take(file(...many(from, 40)))).toEqual([])
    expect([position.trust(), position.mustReadAll()]).toEqual(['broken', false])
  })

  test('in which a clock is set back needs the whole file', () => {
    const position = busy()
    const earlier = file(...many(1_000, 3_000)).map((one) => ({ ...one, ts: one.ts.replace('000Z', '007Z') }))
    expect(position.take(earlier)).toEqual([])
    expect([position.trust(), position.mustReadAll()]).toEqual(['broken', true])
  })

  test('that falls silent before either is known must not be trusted', () => {
    const position = busy()
    expect(position.take(file(...many(1_000, 3)))).toEqual([])
    expect([position.trust(), position.mustReadAll()]).toEqual(['doubtful', true])
  })
})

describe('a pass over the newest lines', () => {
  test('does not take the second of two frames of one time for the first', () => {
    const position = logPosition('x', { containerId: 'x', ts: at(2), ordinal: 0 })
    position.begin('tail')
    // Of `2o long+`, `2o goes+`, `2o on` the first is the cursor; the tail begins behind it.
    expect(position.take(file('2o goes+', '2o on', '4o b'))).toEqual([])
    expect(position.trust()).toBe('doubtful')
  })

  test('is given up when much has passed without the cursor', () => {
    const position = logPosition('x', { containerId: 'x', ts: at(2), ordinal: 0 })
    position.begin('tail')
    position.take(file('1o a', ...Array.from({ length: 150 }, (_, i) => `${3 + i}o ${'x'.repeat(10_000)}`)))
    expect(position.trust()).toBe('broken')
  })

  test('that begins after the cursor is too late at once, and a longer one goes on', () => {
    const position = logPosition('x', { containerId: 'x', ts: at(2), ordinal: 0 })
    position.begin('tail')
    expect(position.take(file('4o b', '5o c'))).toEqual([])
    expect(position.trust()).toBe('too-late')
    position.begin('tail')
    expect(texts(position.take(file('1o z', '2o a', '4o b', '5o c')))).toEqual(['b', 'c'])
    expect(position.trust()).toBe('sound')
  })

  test('is not asked for while the log is known to be shorter', () => {
    const position = logPosition('x', undefined)
    position.begin('held')
    position.take(log)
    expect([position.isShorterThan(9), position.isShorterThan(10)]).toEqual([false, true])
    const resumed = logPosition('x', { containerId: 'x', ts: at(9), ordinal: 0 })
    expect(resumed.isShorterThan(1e9)).toBe(false)
  })
})

test('a larger file hides a longer leap', () => {
  const start = 1_800_000_000_000
  const much = Array.from({ length: 40 }, (_, i) => `${i}o ${'x'.repeat(10_000)}`)
  const trustOver = (leapMs: number, fileBytes: number) => {
    const position = logPosition('x', undefined, fileBytes)
    position.begin('live')
    position.take(file(...much), start + 5_000)
    position.take(file(`${39 + leapMs}o y`), start + 5_001)
    return position.trust()
  }
  expect(trustOver(300, 10_000_000)).toBe('broken')
  expect(trustOver(300, 32_000_000)).toBe('sound')
  expect(trustOver(330, 32_000_000)).toBe('broken')
})

test('a clock that is set back doubles nothing', () => {
  const position = logPosition('x', undefined)
  const before = file('5000o a', '6000o b')
  position.begin('live')
  position.take(before)
  expect(position.take(file('100o c'))).toEqual([])
  expect(position.trust()).toBe('broken')
  expect(position.begin('held')).toBeUndefined()
  const now = [...before, ...file('100o c', '200o d')]
  expect(texts(position.take(now))).toEqual(['c', 'd'])
  position.begin('live')
  expect(texts(position.take([...now, ...file('300o e')]))).toEqual(['e'])
  expect(position.trust()).toBe('sound')
  expect(held(position, [...now, ...file('300o e', '400o f')])).toEqual(['f'])
})
