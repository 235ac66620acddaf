import { expect, test } from 'vitest'
import { strengthOf } from './password-strength.ts'

test('says how much is missing', () => {
  expect(strengthOf('')).toEqual({ level: 0, words: 'At least 12 characters.' })
  expect(strengthOf('short')).toEqual({ level: 0, words: 'Too short: 7 more characters.' })
  expect(strengthOf('elevenchars').words).toBe('Too short: one more character.')
})

test('counts characters as the server does, not code units', () => {
  expect(strengthOf('🦊'.repeat(11)).level).toBe(0)
  expect(strengthOf('🦊'.repeat(12)).level).toBe(1)
})

test.each([
  'aaaaaaaaaaaaaaaa',
  '123456789012',
  'abcdefghijklmnop',
  'qwertyuiop12',
  'Password1234',
  'nora12345678',
])('is easy to guess: %s', (password) => {
  expect(strengthOf(password).level).toBe(1)
})

test.each(['correct horse battery', 'vK3#qx9Zt!mW', 'many small boats at dawn'])(
  'is good: %s',
  (password) => {
    expect(strengthOf(password).level).toBeGreaterThan(1)
  },
)

test('what is known of the person counts little', () => {
  const password = 'grace.hopper.1906'
  expect(strengthOf(password).level).toBeGreaterThan(1)
  expect(strengthOf(password, ['Grace Hopper', 'grace@example.test']).level).toBe(1)
})
