import { createHash, createPrivateKey, createPublicKey, type webcrypto } from 'node:crypto'
import { SealError } from './errors.ts'
import { deriveX25519PrivateKey, hkdf32, type Purpose } from './hkdf.ts'

/** What the api holds: enough to write a secret, not enough to read one. A leak forges writes and reads nothing. */
export type SealKey = {
  /** 1 to 2^31 - 1: it is stored in a Postgres integer. */
  readonly version: number
  /** First 8 bytes of SHA-256(publicKey). */
  readonly kid8: Buffer
  /** X25519, 32 bytes raw. */
  readonly publicKey: Buffer
  /** 32 bytes. The reason why a ciphertext made from the public key alone does not open. */
  readonly psk: Buffer
}

/** What the worker holds. The private half is a non-extractable key inside OpenSSL, not bytes in a Buffer. */
export type OpenKey = {
  readonly version: number
  readonly kid8: Buffer
  readonly keyPair: webcrypto.CryptoKeyPair
  readonly psk: Buffer
}

const MAX_VERSION = 0x7fffffff
const KEY_BYTES = 32
const PKCS8_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex')

/**
 * Derives both halves of sealing from `ENCRYPTION_KEY`. The caller may zero `encryptionKey` afterwards.
 * @param encryptionKey the 32 bytes behind the variable's 64 hex characters.
 * @param version the key's number, 1 to 2^31 - 1.
 * @throws SealError `seal-key-invalid`.
 */
export function deriveSealing(
  encryptionKey: Buffer,
  version: number,
): { sealKey: SealKey; openKey: OpenKey } {
  requireKeyBytes(encryptionKey)
  requireVersion(version)
  const ikm = hkdf32(encryptionKey, 'hpke-ikm')
  const raw = deriveX25519PrivateKey(ikm)
  const pkcs8 = Buffer.concat([PKCS8_X25519, raw])
  try {
    const privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
    const publicKey = createPublicKey(privateKey)
    const bytes = Buffer.from(String(publicKey.export({ format: 'jwk' })['x']), 'base64url')
    const kid8 = keyId(bytes)
    const psk = hkdf32(encryptionKey, 'hpke-psk')
    const keyPair = {
      publicKey: publicKey.toCryptoKey({ name: 'X25519' }, true, []),
      privateKey: privateKey.toCryptoKey({ name: 'X25519' }, false, ['deriveBits']),
    }
    return {
      sealKey: Object.freeze({ version, kid8, publicKey: bytes, psk }),
      openKey: Object.freeze({ version, kid8, keyPair, psk }),
    }
  } finally {
    for (const secret of [ikm, raw, pkcs8]) secret.fill(0)
  }
}

/**
 * Derives a key for a purpose other than sealing: `backup` (AES-256), `audit-sign` and `gateway-control` (seeds of
 * Ed25519 keys), `audit-hmac`, `rotation-proof` (shown to Postgres, which knows its SHA-256).
 * @returns 32 bytes, the caller's to zero.
 * @throws SealError `seal-key-invalid`.
 */
export function deriveKey(
  encryptionKey: Buffer,
  purpose: Exclude<Purpose, 'hpke-ikm' | 'hpke-psk' | 'fingerprint' | 'hub-pepper'>,
): Buffer {
  requireKeyBytes(encryptionKey)
  return hkdf32(encryptionKey, purpose)
}

/** The first 8 bytes of SHA-256 over the raw 32-byte public key: the key's id in records and in `readyz`. */
export function keyId(publicKey: Buffer): Buffer {
  return createHash('sha256').update(publicKey).digest().subarray(0, 8)
}

/** Gives `nsk1.<version>.<public key>.<psk>`, both base64url without padding: the value of `NORA_SEAL_KEY`. */
export function formatSealKey(key: SealKey): string {
  return `nsk1.${key.version}.${key.publicKey.toString('base64url')}.${key.psk.toString('base64url')}`
}

/**
 * Reads what `formatSealKey` writes, in that one spelling only.
 * @throws SealError `seal-key-invalid`; the message repeats nothing of the text.
 */
export function parseSealKey(text: string): SealKey {
  const match = /^nsk1\.([1-9][0-9]{0,9})\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{43})$/.exec(text)
  if (!match) throw invalid('a seal key reads nsk1.<version>.<public key>.<psk>')
  const [, version, publicText, pskText] = match as unknown as [string, string, string, string]
  const key: SealKey = {
    version: Number(version),
    publicKey: Buffer.from(publicText, 'base64url'),
    psk: Buffer.from(pskText, 'base64url'),
    kid8: keyId(Buffer.from(publicText, 'base64url')),
  }
  requireVersion(key.version)
  // 43 characters hold two bits more than 32 bytes: a second spelling of the same key is refused.
  if (formatSealKey(key) !== text) throw invalid('the seal key is not in its canonical spelling')
  return Object.freeze(key)
}

function requireKeyBytes(key: Buffer): void {
  if (key.length !== KEY_BYTES) throw invalid('an encryption key has 32 bytes')
}

function requireVersion(version: number): void {
  if (!Number.isInteger(version) || version < 1 || version > MAX_VERSION) {
    throw invalid('a key version is an integer from 1 to 2147483647')
  }
}

const invalid = (message: string) => new SealError('seal-key-invalid', message)
