import { fc, hostileBytes, hostileText, readingOf } from '@nora/testing/fuzz'
import { describe, expect, test } from 'vitest'
import { canonicalEntry } from './audit-chain.ts'
import {
  CapabilityError,
  type Claims,
  capabilityPublicKey,
  capabilitySigner,
  capabilityVerifier,
} from './capability.ts'
import { SealError } from './errors.ts'
import { newHubKey, publicIdOf } from './hub-keys.ts'
import { formatSealKey, keyId, parseSealKey } from './keys.ts'
import { decodeRecord, encodeRecord, MAX_PLAINTEXT_BYTES, pad, unpad } from './record.ts'

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes))

describe('NORA_SEAL_KEY', () => {
  const sealKey = fc
    .record({ version: fc.integer({ min: 1, max: 0x7fffffff }), publicKey: bytes32, psk: bytes32 })
    .map((key) => ({ ...key, kid8: keyId(key.publicKey) }))

  test('reads back what was written', () => {
    fc.assert(
      fc.property(sealKey, (key) => {
        expect(parseSealKey(formatSealKey(key))).toEqual(key)
      }),
    )
  })
  test('has one spelling, and no other text is one or is repeated', () => {
    fc.assert(
      fc.property(hostileText(sealKey.map(formatSealKey)), (text) => {
        const read = readingOf(
          () => parseSealKey(text),
          (error) => error instanceof SealError && (text.length < 12 || !error.message.includes(text)),
        )
        if (read) expect(formatSealKey(read)).toBe(text)
      }),
    )
  })
})

describe('a sealed record', () => {
  const parts = fc.record({
    suite: fc.constantFrom(0 as const, 1 as const),
    keyVersion: fc.integer({ min: 0, max: 0xffffffff }),
    kid8: fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
    enc: bytes32,
    ciphertext: fc
      .integer({ min: 1, max: 20 })
      .chain((blocks) => fc.uint8Array({ minLength: 64 * blocks, maxLength: 64 * blocks }))
      .map((bytes) => Buffer.from(bytes)),
    tag: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes)),
  })

  test('is taken apart as it was put together', () => {
    fc.assert(
      fc.property(parts, (record) => {
        expect(decodeRecord(encodeRecord(record))).toEqual(record)
      }),
    )
  })
  test('is the only thing that is taken apart', () => {
    const near = fc.tuple(parts.map(encodeRecord), fc.nat(), fc.nat(255)).map(([record, place, value]) => {
      record[place % 24] = value
      return record
    })
    fc.assert(
      fc.property(fc.oneof(hostileBytes, near), (bytes) => {
        const read = readingOf(() => decodeRecord(bytes))
        if (read) expect(encodeRecord(read)).toEqual(bytes)
      }),
    )
  })
  test('pads so that only its own padding is taken off', () => {
    fc.assert(
      fc.property(hostileBytes, (bytes) => {
        expect(unpad(pad(bytes))).toEqual(bytes)
        const read = readingOf(() => unpad(bytes))
        if (read) expect(pad(read)).toEqual(bytes)
      }),
    )
    expect(() => pad(Buffer.alloc(MAX_PLAINTEXT_BYTES + 1))).toThrow(SealError)
  })
})

test('a hub key is read as it was made; no spoiled one, and nothing else, is one', () => {
  const made = new Set<string>()
  const good = fc.stringMatching(/^[0-9A-Za-z]{10}$/).map((publicId) => {
    const key = newHubKey(publicId)
    made.add(key)
    return key
  })
  fc.assert(
    fc.property(hostileText(good), (text) => {
      const read = readingOf(() => publicIdOf(text))
      expect(read !== undefined).toBe(made.has(text))
      if (read !== undefined) expect(text.startsWith(`nora_hub_${read}_`)).toBe(true)
    }),
  )
})

describe('a capability', () => {
  const seed = Buffer.alloc(32, 3)
  const sign = capabilitySigner(seed)
  const verify = capabilityVerifier(capabilityPublicKey(seed), { remember: 20 })
  const now = 1_700_000_000
  const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 100 })
  const claims = fc.record<Claims>({
    aud: fc.constantFrom('worker', 'gateway', 'gateway-control'),
    op: text,
    sub: text,
    agent: text,
    iat: fc.constant(now),
    exp: fc.integer({ min: now + 1, max: now + 30 }),
  })

  test('says what was signed', () => {
    fc.assert(
      fc.property(claims, (one) => {
        expect(verify(sign(one), { audience: one.aud, now: now * 1000, agent: one.agent! })).toEqual(one)
      }),
    )
  })
  test('is nothing that was not signed', () => {
    const signed = new Set<string>()
    const good = claims.map((one) => {
      const token = sign(one)
      signed.add(token)
      return token
    })
    fc.assert(
      fc.property(hostileText(good), fc.constantFrom('worker', 'gateway'), (token, audience) => {
        const read = readingOf(
          () => verify(token, { audience: audience as 'worker', now: now * 1000 }),
          (error) => error instanceof CapabilityError,
        )
        if (read) expect(signed).toContain(token)
      }),
    )
  })
})

describe('an audit entry in its canonical form', () => {
  const value = fc.oneof(fc.string({ unit: 'binary' }), fc.maxSafeInteger(), fc.constant(null), hostileText())
  const entry = fc.dictionary(fc.string({ unit: 'binary' }), value, { maxKeys: 12 })

  test('is JSON of the same, and one text whatever order the names came in', () => {
    fc.assert(
      fc.property(entry, (one) => {
        const canonical = canonicalEntry(one)
        const turned = Object.fromEntries(Object.entries(one).reverse())
        expect(canonicalEntry(turned)).toBe(canonical)
        expect(canonicalEntry(JSON.parse(canonical))).toBe(canonical)
      }),
    )
  })
  test('takes text, whole numbers and null alone', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.anything(), { maxKeys: 4 }), (one) => {
        readingOf(
          () => canonicalEntry(one as never),
          (error) => error instanceof TypeError,
        )
      }),
    )
  })
})
