import { expect, test } from 'vitest'
import { canaries } from './canaries.ts'

test('a secret is found in whichever usual spelling, and only where it was put', () => {
  const { plant, within, planted } = canaries()
  plant('POST /x body.name')
  plant('POST /x body.secret.apiKey')
  const [name, key] = planted as [(typeof planted)[0], (typeof planted)[0]]
  expect([name.credential, key.credential]).toEqual([false, true])
  expect(within('nothing')).toEqual([])
  const bytes = Buffer.from(key.core)
  const spellings = [
    key.core,
    key.core.toUpperCase(),
    bytes.toString('hex'),
    bytes.toString('base64'),
    Buffer.from(`x${key.core}`).toString('base64'),
    Buffer.from(`xx${key.core}yy`).toString('base64url'),
    encodeURIComponent(`"${key.core}"`),
  ]
  for (const text of spellings) expect(within(`before ${text} after`), text).toEqual([key.place])
  expect(within(name.core, ({ credential }) => credential)).toEqual([])
})
