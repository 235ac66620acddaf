import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { weaknessOf } from './weakness.ts'

test.each([
  ['a'.repeat(64), 'has too little entropy'],
  ['0123456789abcdef'.repeat(4), 'has too little entropy'],
  ['abcdefghijklmnopqrstuvwxyz0123456789', 'has too little entropy'],
  ['abcabcabcabcabcabcabcabcabcabcabcabc', 'has too little entropy'],
  ['qwertyqwertyqwertyqwertyqwertyqwerty1', 'has too little entropy'],
  ['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab7f', 'has too little entropy'],
  ['change-me-change-me-change-me-change-me', 'is a placeholder'],
  ['your-secret-key-goes-here-please-0k3jf8', 'is a placeholder'],
  ['<paste the output of the command here>', 'is a placeholder'],
  ['supersecretpassword-8jf93jf02jf92jf9', 'is a placeholder'],
  ['k3jf8Qw2', 'is shorter than 32 bytes'],
])('%s is weak', (value, weakness) => {
  expect(weaknessOf(value, 32)).toBe(weakness)
})

test('random secrets of every usual spelling pass', () => {
  for (let turn = 0; turn < 2_000; turn++) {
    const bytes = randomBytes(32)
    for (const spelling of ['hex', 'base64', 'base64url'] as const) {
      expect(weaknessOf(bytes.toString(spelling), 32)).toBeUndefined()
    }
  }
})
