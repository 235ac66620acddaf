import { describe, expect, test } from 'vitest'
import { SealError } from './errors.ts'
import { deriveSealing } from './keys.ts'
import { open } from './open.ts'
import { decodeRecord } from './record.ts'
import { seal } from './seal.ts'
import { sealPlaintext } from './seal-plaintext.ts'

const aad = Buffer.from('where it stands')
const { sealKey, openKey } = deriveSealing(Buffer.alloc(32, 1), 1)
const secret = () => Buffer.from('sk-canary-5d1f0a7e')

const failure = async (attempt: Promise<unknown>) => {
  const error = await attempt.then(
    () => undefined,
    (e: unknown) => e,
  )
  expect(error, 'it opened').toBeInstanceOf(SealError)
  return (error as SealError).reason
}

describe('suite 0', () => {
  test('is written and read only where it is allowed in so many words', async () => {
    const allow = { allowPlaintext: true }
    const record = sealPlaintext(secret(), aad, allow)
    expect(decodeRecord(record)).toMatchObject({ suite: 0, keyVersion: 0 })
    expect(await open([openKey], record, aad, allow)).toEqual(secret())
    expect(await failure(open([openKey], record, aad))).toBe('plaintext-refused')
    expect(() => sealPlaintext(secret(), aad, {})).toThrow(
      expect.objectContaining({ code: 'plaintext-not-allowed' }),
    )
  })

  test('notices damage and a move', async () => {
    const allow = { allowPlaintext: true }
    const record = sealPlaintext(secret(), aad, allow)
    const moved = Buffer.from('somewhere else')
    expect(await failure(open([openKey], record, moved, allow))).toBe('not-authentic')
    for (let i = 0; i < record.length; i++) {
      const changed = Buffer.from(record)
      changed[i]! ^= 1
      await failure(open([openKey], changed, aad, allow))
    }
  })

  test('a sealed record relabelled as suite 0 is not taken for a secret', async () => {
    const record = await seal(sealKey, secret(), aad)
    record[3] = 0
    expect(await failure(open([openKey], record, aad, { allowPlaintext: true }))).toBe('not-authentic')
  })
})
