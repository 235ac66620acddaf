import { createHash, createHmac, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { hkdf32 } from './hkdf.ts'

// A workspace's API key: nora_hub_<id10>_<secret40><crc6>, all in base62. The id finds the row, the secret (238 bits) is what
// nobody guesses, the CRC tells a typing error or garbage from a key without asking anybody.
const form = /^nora_hub_([0-9A-Za-z]{10})_[0-9A-Za-z]{46}$/
const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const checkLength = 6
/** The largest multiple of 62 that a byte can hold: bytes beyond it would make some digits likelier. */
const fairBytes = 248

/** What of a key may be shown: how people tell one from another. */
export const hubKeyPrefix = (publicId: string): string => `nora_hub_${publicId}`

/** A new id of ten base62 digits. */
export const newPublicId = (): string => randomBase62(10)

/** A new key of this id. */
export function newHubKey(publicId: string): string {
  const body = `${hubKeyPrefix(publicId)}_${randomBase62(40)}`
  return body + checksum(body)
}

/** The id in a key, or undefined for whatever is none: another shape, or a checksum that is not its own. */
export function publicIdOf(key: string): string | undefined {
  const publicId = form.exec(key)?.[1]
  if (publicId === undefined) return undefined
  const body = key.slice(0, -checkLength)
  return key.slice(-checkLength) === checksum(body) ? publicId : undefined
}

/** Turns a key into the proof that Postgres takes: HMAC-SHA256 of it under the pepper. */
export type ProveHubKey = (key: string) => Buffer

/** The pepper of installations that have none of their own yet: it follows from the api's capability key, 32 bytes. */
export const derivedPepper = (capabilitySeed: Buffer): Buffer => hkdf32(capabilitySeed, 'hub-pepper')

/** @param pepper 32 bytes that the api alone has: in the database it would go with every copy of it. */
export function hubKeyProver(pepper: Buffer): ProveHubKey {
  return (key) => createHmac('sha256', pepper).update(key).digest()
}

/** What is stored of a proof. The proof itself is nowhere: who reads the database has nothing to show. */
export const hashHubProof = (proof: Buffer): Buffer => createHash('sha256').update(proof).digest()

function checksum(body: string): string {
  let rest = crc32(body)
  let text = ''
  for (let place = 0; place < checkLength; place++) {
    text = digits[rest % 62] + text
    rest = Math.floor(rest / 62)
  }
  return text
}

function randomBase62(length: number): string {
  let text = ''
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      if (byte < fairBytes && text.length < length) text += digits[byte % 62]
    }
  }
  return text
}
