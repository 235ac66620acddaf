import { createHmac, hkdfSync } from 'node:crypto'

/** Every key that is derived from another, by its HKDF info: a purpose missing here does not exist. */
export type Purpose =
  | 'hpke-ikm'
  | 'hpke-psk'
  | 'backup'
  | 'audit-sign'
  | 'audit-hmac'
  | 'gateway-control'
  | 'rotation-proof'
  | 'fingerprint'
  | 'api-proof'
  | 'hub-pepper'
  | 'live-cursor'

/**
 * HKDF-SHA256 (RFC 5869) with an empty salt and the info `nora/v1/<purpose>`.
 * @param secret uniformly random key material, 32 bytes.
 * @returns 32 bytes in memory of their own (not Node's shared pool), which the caller may zero.
 */
export function hkdf32(secret: Buffer, purpose: Purpose): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, Buffer.alloc(0), `nora/v1/${purpose}`, 32))
}

// RFC 9180 section 7.1.3: suite_id is "KEM" followed by the KEM's id, 0x0020 for DHKEM(X25519, HKDF-SHA256).
const labelPrefix = Buffer.from('HPKE-v1KEM\x00\x20', 'latin1')

/**
 * DeriveKeyPair of DHKEM(X25519, HKDF-SHA256), RFC 9180 section 7.1.3: the private half.
 * Written out because `@hpke/core` offers it asynchronously and with an extractable result only; the RFC's vectors
 * and the library's own answer are compared in the tests.
 * @param ikm at least 32 bytes of key material.
 * @returns the 32-byte private key, which the caller zeroes.
 */
export function deriveX25519PrivateKey(ikm: Buffer): Buffer {
  const extracted = createHmac('sha256', Buffer.alloc(32))
    .update(labelPrefix)
    .update('dkp_prk')
    .update(ikm)
    .digest()
  const expanded = createHmac('sha256', extracted)
    .update(Buffer.from([0, 32])) // I2OSP(L, 2)
    .update(labelPrefix)
    .update('sk')
    .update(Buffer.from([1])) // one block of HKDF-Expand is all that 32 bytes need
    .digest()
  extracted.fill(0)
  return expanded
}
