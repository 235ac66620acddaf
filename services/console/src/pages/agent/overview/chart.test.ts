import type { AgentSample } from '@nora/contract/agent-metrics'
import { expect, test } from 'vitest'
import { areaPath, linePath, roundTop, seriesOf } from './chart.ts'

const sample = (second: number, cpuPercent: number) =>
  ({ ts: new Date(second * 1000).toISOString(), cpuPercent }) as AgentSample
const cpu = (item: AgentSample) => item.cpuPercent

test('a step without a sample is a hole in the line', () => {
  const series = seriesOf([sample(0, 1), sample(10, 3), sample(60, 8)], 10, cpu)
  expect(series.stretches.map((points) => points.map(({ value }) => value))).toEqual([[1, 3], [8]])
  expect(series).toMatchObject({ now: 8, average: 4, most: 8, count: 3 })
  expect(seriesOf([], 10, cpu)).toEqual({ stretches: [], now: undefined, average: 0, most: 0, count: 0 })
})

test('points have their place in the picture', () => {
  const frame = { from: 0, to: 100_000, top: 10, width: 200, height: 50 }
  const [stretch] = seriesOf([sample(0, 0), sample(10, 5), sample(20, 99)], 10, cpu).stretches
  expect(linePath(stretch!, frame)).toBe('M0,50 L20,25 L40,0')
  expect(areaPath(stretch!, frame)).toBe('M0,50 L20,25 L40,0 L40,50 L0,50 Z')
  expect(linePath(stretch!.slice(0, 1), frame)).toBe('M0,50 h2')
  expect(areaPath(stretch!.slice(0, 1), frame)).toBe('')
})

test.each([
  [0, 1],
  [0.3, 0.5],
  [1, 1],
  [3, 5],
  [7, 10],
  [51, 100],
])('the top above %s is %s', (most, top) => {
  expect(roundTop(most)).toBe(top)
})
