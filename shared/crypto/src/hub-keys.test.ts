import { randomBytes } from 'node:crypto'
import { looksLikeSecret } from '@nora/domain/secret-shapes'
import { scrubText } from '@nora/log/scrub'
import { expect, test } from 'vitest'
import { hashHubProof, hubKeyProver, newHubKey, newPublicId, publicIdOf } from './hub-keys.ts'

const example = 'nora_hub_0123456789_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcd'

test('a key has its form, finds its id again, and never comes twice', () => {
  const keys = Array.from({ length: 500 }, () => {
    const publicId = newPublicId()
    const key = newHubKey(publicId)
    expect(key).toMatch(/^nora_hub_[0-9A-Za-z]{10}_[0-9A-Za-z]{46}$/)
    expect(publicIdOf(key)).toBe(publicId)
    return key
  })
  expect(new Set(keys).size).toBe(500)
  // 20 000 digits of which each of the 62 is as likely: one that never comes would be a fault.
  const seen = new Set(keys.flatMap((key) => [...key.slice(20, 60)]))
  expect(seen.size).toBe(62)
})

// Frozen: with another alphabet or sum every key that is out there would be garbage.
test('the checksum is CRC-32 (ISO-HDLC) of all before it, six base62 digits, the highest first', () => {
  const crc = (text: string) => {
    let sum = 0xffffffff
    for (const byte of Buffer.from(text)) {
      sum ^= byte
      for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1
    }
    return (sum ^ 0xffffffff) >>> 0
  }
  expect(crc('123456789')).toBe(0xcbf43926)
  const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
  const value = BigInt(crc(example))
  const sum = [5n, 4n, 3n, 2n, 1n, 0n].map((place) => alphabet[Number((value / 62n ** place) % 62n)]).join('')
  expect(publicIdOf(example + sum)).toBe('0123456789')
})

test('one wrong character anywhere, and it is no key', () => {
  const key = newHubKey(newPublicId())
  for (let at = 0; at < key.length; at++) {
    const other = key[at] === 'x' ? 'y' : 'x'
    expect(publicIdOf(key.slice(0, at) + other + key.slice(at + 1)), `at ${at}`).toBeUndefined()
  }
  for (const text of ['', 'nora_hub_', key.slice(1), `${key}a`, `${key}\n`, key.toUpperCase(), ` ${key}`]) {
    expect(publicIdOf(text)).toBeUndefined()
  }
})

test('a proof is of this key under this pepper, and what is stored is not the proof', () => {
  const pepper = randomBytes(32)
  const key = newHubKey(newPublicId())
  const proof = hubKeyProver(pepper)(key)
  expect(proof).toHaveLength(32)
  expect(hubKeyProver(Buffer.from(pepper))(key)).toEqual(proof)
  expect(hubKeyProver(randomBytes(32))(key)).not.toEqual(proof)
  expect(hubKeyProver(pepper)(newHubKey(newPublicId()))).not.toEqual(proof)
  expect(hashHubProof(proof)).not.toEqual(proof)
})

test('the scrub of logs and the check of env know a key, in whatever text it stands', () => {
  for (let n = 0; n < 50; n++) {
    const key = newHubKey(newPublicId())
    for (const text of [key, `Bearer ${key}`, `{"key":"${key}"}`, `a\\n${key}`, `?k=${key}&x=1`]) {
      expect(scrubText(text)).not.toContain(key.slice(20, 40))
    }
    expect(looksLikeSecret('HARMLESS', key)).toBeDefined()
  }
})
