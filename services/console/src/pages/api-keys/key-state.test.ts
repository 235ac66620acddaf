import { expect, test } from 'vitest'
import { endAfter, keyState } from './key-state.ts'

const now = Date.UTC(2026, 0, 1)
const inDays = (days: number) => new Date(now + days * 86_400_000).toISOString()

test('tells keys that work from those that end soon and those that have ended', () => {
  expect(keyState(inDays(15), now)).toBe('works')
  expect(keyState(inDays(14), now)).toBe('soon')
  expect(keyState(inDays(0.001), now)).toBe('soon')
  expect(keyState(inDays(0), now)).toBe('over')
  expect(keyState(inDays(-1), now)).toBe('over')
})

test('leaves the usual time to the server, and stays below whole days otherwise', () => {
  expect(endAfter(90, 90, now)).toBeUndefined()
  expect(endAfter(365, 90, now)).toBe(new Date(Date.UTC(2027, 0, 1) - 60_000).toISOString())
})
