import { expect, test } from 'vitest'
import { usageOf } from './stats.ts'

const read = '2026-01-02T03:04:05.678901234Z'
const cpu_stats = { cpu_usage: { total_usage: 5_000_000 } }
const networks = {
  eth0: { rx_bytes: 100, tx_bytes: 10 },
  eth1: { rx_bytes: 200, tx_bytes: 20 },
}
const usage = {
  takenAt: Date.parse('2026-01-02T03:04:05.678Z'),
  cpuNs: 5_000_000,
  memoryBytes: 700,
  memoryLimitBytes: 4096,
  networkRxBytes: 300,
  networkTxBytes: 30,
  pids: 3,
}

test.each([
  ['version 1 of control groups', { total_inactive_file: 300, inactive_file: 1 }],
  ['version 2', { inactive_file: 300 }],
])('memory is without the cache that can go: %s', (_, stats) => {
  const memory_stats = { usage: 1000, limit: 4096, stats }
  expect(usageOf({ read, cpu_stats, memory_stats, pids_stats: { current: 3 }, networks })).toEqual(usage)
})

test('what is not said is nothing, and never less than nothing', () => {
  const memory_stats = { usage: 1000, stats: { inactive_file: 2000 } }
  expect(usageOf({ read, cpu_stats, memory_stats })).toEqual({
    ...usage,
    ...{ memoryBytes: 0, memoryLimitBytes: 0, networkRxBytes: 0, networkTxBytes: 0, pids: 0 },
  })
})

test('a container that does not run uses nothing that could be a sample', () => {
  const never = '0001-01-01T00:00:00Z'
  expect(usageOf({ read: never, cpu_stats, memory_stats: {}, pids_stats: {} })).toBeUndefined()
  expect(usageOf({ read, cpu_stats, memory_stats: {} })).toBeUndefined()
})
