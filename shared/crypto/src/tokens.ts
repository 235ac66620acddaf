import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

const MIN_TOKEN_BYTES = 16

/**
 * A secret that nobody can guess, base64url without padding.
 * @param bytes of randomness from the operating system, 32 unless told, at least 16.
 */
export function randomToken(bytes = 32): string {
  if (!Number.isInteger(bytes) || bytes < MIN_TOKEN_BYTES)
    throw new RangeError('a token has 16 bytes or more')
  return randomBytes(bytes).toString('base64url')
}

/**
 * SHA-256 of a token, 32 bytes: what is stored in its place. A fast hash is right for a token of `randomToken`,
 * which cannot be searched for, and wrong for a password.
 */
export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token, 'utf8').digest()
}

/**
 * True when both are the same bytes (text as UTF-8). Neither the place of the first difference nor the lengths can
 * be told from the time it takes: what is compared are two hashes.
 */
export function constantTimeEqual(a: string | Uint8Array, b: string | Uint8Array): boolean {
  return timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest())
}
