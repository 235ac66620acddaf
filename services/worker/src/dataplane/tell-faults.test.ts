import { createLogger } from '@nora/log/logger'
import { expect, test } from 'vitest'
import { faultTeller } from './tell-faults.ts'

test('each fault of a gateway is told once, and again after it has started anew', () => {
  const lines: string[] = []
  const log = createLogger({
    service: 'worker',
    level: 'info',
    destination: { write: () => undefined },
    onError: (line) => void lines.push(line),
  })
  const tell = faultTeller(log)
  const row = { id: 'g', index: 3 }
  const last = { at: '2026-01-02T03:04:05.000Z', name: 'RangeError', stack: '    at run (/srv/a.ts:1:2)' }
  tell(row, { bootId: 'b1' })
  tell(row, { bootId: 'b1', faults: { count: 0, last: null } })
  expect(lines).toEqual([])
  tell(row, { bootId: 'b1', faults: { count: 2, last } })
  tell(row, { bootId: 'b1', faults: { count: 2, last } })
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { gateway: 3, faults: 2, err: { type: 'RangeError', stack: expect.stringContaining('/srv/a.ts:1:2') } },
  ])
  tell(row, { bootId: 'b1', faults: { count: 3, last } })
  tell(row, { bootId: 'b2', faults: { count: 1, last } })
  expect(lines.map((line) => JSON.parse(line).faults)).toEqual([2, 1, 1])
})
