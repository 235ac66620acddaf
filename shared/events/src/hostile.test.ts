import { gzipSync } from 'node:zlib'
import { fc, hostileBytes, hostileText } from '@nora/testing/fuzz'
import { expect, test } from 'vitest'
import { decodeChunk, encodeChunk, type LogRecord, MAX_CHUNK_BYTES } from './log-chunk.ts'

const seq = fc.nat(Number.MAX_SAFE_INTEGER)
const ts = fc.constantFrom('2026-01-02T03:04:05Z', '2026-01-02T03:04:05.123456789Z')
const record: fc.Arbitrary<LogRecord> = fc.oneof(
  fc.record({
    seq,
    ts,
    stream: fc.constantFrom('stdout' as const, 'stderr' as const),
    text: hostileText().map((text) => text.slice(0, 2_000)),
  }),
  fc.record({ seq, ts, gap: fc.record({ from: seq, to: seq, reason: fc.string({ unit: 'binary' }) }) }),
)

test('a chunk gives back the records that it was made of, whatever an agent printed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(record, { maxLength: 8 }), async (records) => {
      expect(await decodeChunk(await encodeChunk(records))).toEqual(records)
    }),
  )
})

test('what is no chunk is refused without a word of it', async () => {
  const packed = fc.oneof(
    hostileBytes,
    hostileText(fc.json(), fc.constant('[1,"t","o","x"]')).map((text) => gzipSync(`${text}\nMARKER-marker`)),
  )
  await fc.assert(
    fc.asyncProperty(packed, async (data) => {
      const error = await decodeChunk(data).then(
        () => undefined,
        (reason: unknown) => reason,
      )
      expect(error).toBeInstanceOf(Error)
      expect(String(error)).not.toContain('MARKER')
    }),
  )
})

test('a chunk that grows without end is given up', async () => {
  const bomb = gzipSync(Buffer.alloc(64 * MAX_CHUNK_BYTES))
  await expect(decodeChunk(bomb)).rejects.toThrow()
})
