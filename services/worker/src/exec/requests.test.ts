import { fc, fuzzRuns, fuzzSeed, hostileText } from '@nora/testing/fuzz'
import { expect, test } from 'vitest'
import { resizeOf, sizeOf } from './requests.ts'

test('a resize is whole cells within bounds, and nothing else is one', () => {
  expect(resizeOf('{"type":"resize","cols":132,"rows":50}')).toEqual({ cols: 132, rows: 50 })
  for (const text of [
    '',
    'null',
    '[]',
    '{}',
    '{"type":"resize"}',
    '{"type":"exit","cols":80,"rows":24}',
    '{"type":"resize","cols":0,"rows":24}',
    '{"type":"resize","cols":80,"rows":1001}',
    '{"type":"resize","cols":80.5,"rows":24}',
    '{"type":"resize","cols":"80","rows":24}',
    `{"type":"resize","cols":80,"rows":24,"x":"${'x'.repeat(200)}"}`,
  ]) {
    expect(resizeOf(text), text).toBeUndefined()
  }
})

test('whatever is sent, it is a size within bounds or none', () => {
  const good = fc.record({ type: fc.constant('resize'), cols: fc.nat(2_000), rows: fc.nat(2_000) })
  const texts = hostileText(good.map((one) => JSON.stringify(one)))
  const holds = (text: string) => {
    const { cols = 1, rows = 1 } = resizeOf(text) ?? {}
    expect(Math.min(cols, rows) >= 1 && Math.max(cols, rows) <= 1_000).toBe(true)
  }
  fc.assert(fc.property(texts, holds), { numRuns: fuzzRuns, seed: fuzzSeed })
})

test('a size that is none counts as not said', () => {
  const size = (query: string) => sizeOf(new URLSearchParams(query))
  expect(size('cols=132&rows=50')).toEqual({ cols: 132, rows: 50 })
  for (const wrong of ['', '0', '-1', '1e3', '1001', '99999', '80x', ' 80']) {
    expect(size(`cols=${encodeURIComponent(wrong)}&rows=50`)).toEqual({ cols: 80, rows: 50 })
  }
})
