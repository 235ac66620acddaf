import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import {
  type AuditEntry,
  canonicalEntry,
  deriveAuditKey,
  genesis,
  hashEntry,
  isSealed,
  isSignedBy,
} from './audit-chain.ts'

const key = deriveAuditKey(Buffer.alloc(32, 3))
const checkpoint = {
  position: 7,
  hash: 'ab'.repeat(32),
  time: '2026-01-02T03:04:05.678Z',
  kid: key.kid.toString('hex'),
}

test('an entry has one spelling, whatever the order of its members', () => {
  expect(canonicalEntry({ b: 'x"\u0001\u2028é', a: 1, c: null })).toBe(
    '{"a":1,"b":"x\\"\\u0001\u2028é","c":null}',
  )
  for (const bad of [1.5, 2 ** 53, Number.NaN, undefined, {}, true]) {
    expect(() => canonicalEntry({ a: bad } as unknown as AuditEntry)).toThrow(TypeError)
  }
})

test('a hash is SHA-256 over 0x01, the hash before and the entry', () => {
  const right = createHash('sha256').update(Buffer.concat([Buffer.of(1), genesis, Buffer.from('{"a":1}')]))
  expect(hashEntry(genesis, '{"a":1}')).toEqual(right.digest())
})

test('a signature holds for its checkpoint and its key alone', () => {
  const signed = key.sign(checkpoint)
  expect(isSignedBy(key.publicKey, signed)).toBe(true)
  const other = deriveAuditKey(Buffer.alloc(32, 4))
  expect(isSignedBy(other.publicKey, signed)).toBe(false)
  expect(isSignedBy(other.publicKey, { ...signed, kid: other.kid.toString('hex') })).toBe(false)
  for (const change of [
    { position: 8 },
    { hash: 'ac'.repeat(32) },
    { time: '2026-01-02T03:04:05.679Z' },
    { kid: '00'.repeat(8) },
    { signature: `00${signed.signature.slice(2)}` },
    { signature: '' },
    { signature: signed.signature.toUpperCase() },
  ]) {
    expect(isSignedBy(key.publicKey, { ...signed, ...change }), JSON.stringify(change)).toBe(false)
  }
})

test('a seal holds for its place, its hash and its key alone, and is not the signing key’s', () => {
  const hash = Buffer.alloc(32, 9)
  const mac = key.mac(5, hash)
  expect(isSealed(key, 5, hash, mac)).toBe(true)
  expect(isSealed(key, 6, hash, mac)).toBe(false)
  expect(isSealed(key, 5, Buffer.alloc(32, 8), mac)).toBe(false)
  expect(isSealed(deriveAuditKey(Buffer.alloc(32, 4)), 5, hash, mac)).toBe(false)
  expect(isSealed(key, 5, hash, mac.subarray(0, 31))).toBe(false)
})
