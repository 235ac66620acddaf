import { afterEach, expect, test } from 'vitest'
import { freePort } from './free-port.ts'

const own = process.env['VITEST_POOL_ID']
afterEach(() => {
  process.env['VITEST_POOL_ID'] = own
})

test('test files side by side choose among ports of their own', async () => {
  const chosen: [number, number][] = []
  for (let worker = 0; worker < 8; worker++) {
    process.env['VITEST_POOL_ID'] = String(worker)
    const ports = await Promise.all(Array.from({ length: 30 }, freePort))
    chosen.push([Math.min(...ports), Math.max(...ports)])
  }
  for (const [worker, [lowest]] of chosen.entries())
    expect(lowest).toBeGreaterThan(chosen[worker - 1]?.[1] ?? 14_999)
  expect(chosen.at(-1)![1]).toBeLessThan(30_000)
})

test('a test file is given no port twice, though it has not used the first yet', async () => {
  const ports: number[] = []
  for (let n = 0; n < 300; n++) ports.push(await freePort())
  expect(new Set(ports).size).toBe(300)
})
