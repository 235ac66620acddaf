import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { decodeChunk, encodeChunk, type LogRecord, MAX_CHUNK_BYTES } from './log-chunk.ts'

const ts = '2026-11-22T07:00:00.123456789Z'

test('gives back what it was given, whatever a line holds', async () => {
  const texts = [
    '',
    'plain',
    '"quoted" \\ back',
    'tab\tnul\u0000esc\u001b[31m',
    'ünïcode 🦊',
    '\ufffd',
    '[1,2]',
    '\r',
  ]
  const records: LogRecord[] = texts.map((text, i) => ({
    seq: i + 1,
    ts,
    stream: i % 2 ? 'stderr' : 'stdout',
    text,
  }))
  records.push({ seq: 9, ts, gap: { from: 9, to: 12, reason: 'the engine had rotated lines away' } })
  records.push({ seq: 13, ts, stream: 'stdout', text: 'after' })
  expect(await decodeChunk(await encodeChunk(records))).toEqual(records)
})

test('is gzip of NDJSON arrays', async () => {
  const data = await encodeChunk([{ seq: 7, ts, stream: 'stderr', text: 'x' }])
  expect(data.subarray(0, 2)).toEqual(Buffer.from([0x1f, 0x8b]))
  expect(await decodeChunk(gzipSync(`[7,"${ts}","e","x"]\n`))).toEqual([
    { seq: 7, ts, stream: 'stderr', text: 'x' },
  ])
})

test('holds the longest line at its worst', async () => {
  const text = '\u0001'.repeat(MAX_CHUNK_BYTES)
  const data = await encodeChunk([{ seq: 1, ts, stream: 'stdout', text }])
  expect(data.length).toBeLessThan(131_072)
  expect(await decodeChunk(data)).toEqual([{ seq: 1, ts, stream: 'stdout', text }])
})

test('refuses what is not a chunk, without quoting it', async () => {
  await expect(decodeChunk(Buffer.from('secret text'))).rejects.not.toThrow(/secret/)
  await expect(decodeChunk(gzipSync('secret text'))).rejects.toThrow('not JSON')
  await expect(decodeChunk(gzipSync('[1,"t","z","x"]'))).rejects.toThrow('unknown record')
  await expect(decodeChunk(gzipSync(Buffer.alloc(4 * 1024 * 1024)))).rejects.toThrow()
})
