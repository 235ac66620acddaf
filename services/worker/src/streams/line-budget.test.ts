import { expect, test } from 'vitest'
import { lineBudget } from './line-budget.ts'

test('a burst passes, then the rate counts', () => {
  let now = 0
  const budget = lineBudget({ perSecond: 100, burst: 1000 }, () => now)
  budget.spend(999)
  expect(budget.waitMs(5)).toBe(0)
  budget.spend(101)
  // 100 below zero, and 500 wanted before it goes on: six seconds.
  expect(budget.waitMs(5)).toBe(6000)
  now += 6000
  expect(budget.waitMs(5)).toBe(0)
  now += 60_000
  budget.spend(1000)
  expect(budget.waitMs(60)).toBe(10_000)
})
