import { createHash, hkdfSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { credentialAad } from './aad.ts'
import { fingerprint } from './fingerprint.ts'
import { deriveKey, deriveSealing, formatSealKey, parseSealKey } from './keys.ts'

const encryptionKey = () => Buffer.from('00112233445566778899aabbccddeeff'.repeat(2), 'hex')
const place = {
  table: 'credentials',
  column: 'sealed',
  rowId: 'a',
  workspaceId: 'b',
  ownerId: 'c',
  keyVersion: 1,
  secretVersion: 1,
  kind: 'llm' as const,
  provider: 'openai',
  destinationHosts: ['one', 'two'],
}

describe('deriveSealing', () => {
  // Frozen: a change of any byte here would leave every stored secret unopenable.
  test('gives these bytes for this key, for ever', () => {
    const { sealKey } = deriveSealing(encryptionKey(), 7)
    expect(formatSealKey(sealKey)).toBe(
      'nsk1.7.3qWBTj3Zw5JBXNxTVn9wY_mnK8_aDkd1l51WbXwq8kE.fVGGbJSbJFvJQkIb0lytdr5HakrdTU4BQd5G0MUSkJE',
    )
    expect(sealKey.kid8.toString('hex')).toBe('f9ac57d0aca269e6')
    expect(sealKey.kid8).toEqual(createHash('sha256').update(sealKey.publicKey).digest().subarray(0, 8))
  })

  test('leaves the key as it was, and gives a private key that cannot be exported', async () => {
    const key = encryptionKey()
    const { openKey } = deriveSealing(key, 1)
    expect(key).toEqual(encryptionKey())
    expect(openKey.keyPair.privateKey.extractable).toBe(false)
    await expect(crypto.subtle.exportKey('pkcs8', openKey.keyPair.privateKey)).rejects.toThrow()
  })

  test.each([0, -1, 1.5, 2 ** 31, Number.NaN])('refuses version %d', (version) => {
    expect(() => deriveSealing(encryptionKey(), version)).toThrow(
      expect.objectContaining({ code: 'seal-key-invalid' }),
    )
  })

  test.each([0, 16, 31, 33, 64])('refuses a key of %i bytes', (length) => {
    expect(() => deriveSealing(Buffer.alloc(length), 1)).toThrow(
      expect.objectContaining({ code: 'seal-key-invalid' }),
    )
  })
})

test('every purpose has a key of its own, from its HKDF info', () => {
  const purposes = ['backup', 'audit-sign', 'audit-hmac', 'gateway-control'] as const
  const keys = purposes.map((purpose) => deriveKey(encryptionKey(), purpose))
  for (const [i, key] of keys.entries()) {
    const expected = hkdfSync('sha256', encryptionKey(), '', `nora/v1/${purposes[i]}`, 32)
    expect(key).toEqual(Buffer.from(expected))
  }
  expect(new Set(keys.map(String)).size).toBe(purposes.length)
})

describe('the seal key as text', () => {
  const { sealKey } = deriveSealing(encryptionKey(), 12)
  const text = formatSealKey(sealKey)

  test('comes back', () => {
    expect(parseSealKey(text)).toEqual(sealKey)
  })

  test('is read in one spelling only, and an error repeats nothing of it', () => {
    const wrong = [
      '',
      text.replace('nsk1', 'nsk2'),
      text.replace('.12.', '.012.'),
      text.replace('.12.', '.0.'),
      text.replace('.12.', '.9999999999.'),
      text.replace('.12.', '.-1.'),
      `${text} `,
      `${text}=`,
      `${text}\n`,
      text.slice(0, -1),
      `${text}.more`,
      `${text.slice(0, -1)}${text.endsWith('1') ? '2' : '1'}`, // the two unused bits are set
    ]
    for (const candidate of wrong) {
      let message = 'it was accepted'
      try {
        parseSealKey(candidate)
      } catch (error) {
        message = String(error)
      }
      expect(message).toMatch(/seal key|key version/)
      expect(message).not.toContain(sealKey.psk.toString('base64url').slice(0, 8))
    }
  })
})

describe('fingerprint', () => {
  const { sealKey } = deriveSealing(encryptionKey(), 1)
  const print = (text: string, key = sealKey) => fingerprint(key, Buffer.from(text))

  test('is 8 hex characters that tell keys and installations apart', () => {
    expect(print('a secret')).toMatch(/^[0-9a-f]{8}$/)
    expect(print('a secret')).toBe(print('a secret'))
    expect(print('a secret')).not.toBe(print('b secret'))
    expect(print('a secret')).not.toBe(print('a secret', deriveSealing(Buffer.alloc(32, 9), 1).sealKey))
    expect(createHash('sha256').update('a secret').digest('hex')).not.toContain(print('a secret'))
  })
})

describe('credentialAad', () => {
  test('hosts are a set', () => {
    const swapped = { ...place, destinationHosts: ['two', 'one'] }
    expect(credentialAad(swapped)).toEqual(credentialAad(place))
    expect(place.destinationHosts).toEqual(['one', 'two'])
  })

  test('no text moves across a border', () => {
    const all = [
      place,
      { ...place, table: 'credentialss', column: 'ealed' },
      { ...place, rowId: 'ab', workspaceId: '' },
      { ...place, rowId: '', workspaceId: 'ab' },
      { ...place, destinationHosts: ['onetwo'] },
      { ...place, destinationHosts: ['one', 'two', ''] },
      { ...place, destinationHosts: [] },
      { ...place, provider: 'openai\u0000' },
      { ...place, kind: 'integration' as const },
      { ...place, kind: 'exchange' as const },
    ]
    expect(new Set(all.map((p) => credentialAad(p).toString('hex'))).size).toBe(all.length)
  })

  test('text that UTF-8 cannot tell apart and numbers that are none are refused', () => {
    const wrong = [
      { provider: '\ud800' },
      { keyVersion: -1 },
      { secretVersion: 1.5 },
      { secretVersion: 2 ** 53 },
    ]
    for (const change of wrong) {
      expect(() => credentialAad({ ...place, ...change })).toThrow(
        expect.objectContaining({ code: 'seal-input-invalid' }),
      )
    }
  })
})
