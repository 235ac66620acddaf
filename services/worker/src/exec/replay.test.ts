import { fc, fuzzRuns, fuzzSeed } from '@nora/testing/fuzz'
import { expect, test } from 'vitest'
import { replay } from './replay.ts'

test('is the last bytes of all that came, however they came', () => {
  const chunks = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 30 })
  fc.assert(
    fc.property(chunks, (parts) => {
      const screen = replay(32)
      for (const part of parts) screen.push(Buffer.from(part))
      const all = Buffer.concat(parts)
      expect(screen.contents()).toEqual(all.subarray(Math.max(0, all.length - 32)))
    }),
    { numRuns: fuzzRuns, seed: fuzzSeed },
  )
})
