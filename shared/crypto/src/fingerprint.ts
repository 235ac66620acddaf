import { createHmac } from 'node:crypto'
import { hkdf32 } from './hkdf.ts'
import type { SealKey } from './keys.ts'

/**
 * 8 hex characters by which people compare keys without seeing them: HMAC-SHA256 under a key derived from the
 * sealing PSK, cut to 32 bits. Without the PSK it cannot be tested against a list of guesses, and 32 bits are too
 * few to confirm one. It changes when the installation's sealing key does, so rotation computes it anew.
 */
export function fingerprint(sealKey: Pick<SealKey, 'psk'>, plaintext: Buffer): string {
  const key = hkdf32(sealKey.psk, 'fingerprint')
  const digest = createHmac('sha256', key).update(plaintext).digest('hex')
  key.fill(0)
  return digest.slice(0, 8)
}
