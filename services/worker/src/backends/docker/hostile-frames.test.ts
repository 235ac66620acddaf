import { fc, hostileBytes, readingOf } from '@nora/testing/fuzz'
import { describe, expect, test } from 'vitest'
import { frameReader } from './log-frames.ts'

describe('the engine’s log stream', () => {
  const frame = fc
    .tuple(fc.constantFrom(1, 2), fc.uint8Array({ maxLength: 200 }), fc.boolean())
    .map(([kind, text, ends]) => {
      const body = Buffer.concat([
        Buffer.from('2026-01-02T03:04:05.000000001Z '),
        Buffer.from(text),
        Buffer.from(ends ? '\n' : ''),
      ])
      const head = Buffer.alloc(8)
      head[0] = kind
      head.writeUInt32BE(body.length, 4)
      return Buffer.concat([head, body])
    })

  test('has the same frames however it is cut into pieces', () => {
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 6 }),
        fc.array(fc.nat(400), { maxLength: 8 }),
        (frames, cuts) => {
          const whole = Buffer.concat(frames)
          const places = [0, ...cuts.filter((at) => at < whole.length).sort((a, b) => a - b), whole.length]
          const reader = frameReader()
          const pieces = places
            .slice(1)
            .flatMap((end, index) => reader.read(whole.subarray(places[index]!, end)))
          expect(pieces).toEqual(frameReader().read(whole))
          expect(pieces).toHaveLength(frames.length)
        },
      ),
    )
  })
  test('is refused as such when it is none', () => {
    fc.assert(
      fc.property(fc.array(hostileBytes, { maxLength: 4 }), (chunks) => {
        const reader = frameReader()
        for (const chunk of chunks) {
          readingOf(
            () => reader.read(chunk),
            (error) => error instanceof RangeError,
          )
        }
      }),
    )
  })
})
