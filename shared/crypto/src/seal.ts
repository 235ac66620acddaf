import { createPublicKey } from 'node:crypto'
import { SealError } from './errors.ts'
import { hpkeSuite, scheduleInputs } from './hpke.ts'
import type { SealKey } from './keys.ts'
import { encodeHeader, encodeRecord, pad } from './record.ts'

const TAG_BYTES = 16

/**
 * Seals a secret so that only the holder of the private key opens it, and only beside the same additional data.
 *
 * HPKE `mode_psk` (RFC 9180), one context a record: key and nonce come from a key pair made for this call alone.
 *
 * Memory: the padded copy made here is zeroed. `plaintext` is the caller's to zero. Out of reach are Node's own
 * copy of the input during the AES job (its allocator clears it when it frees it) and, until they are collected,
 * the library's intermediate secrets of this one record (shared secret, exporter secret, base nonce) and its copies
 * of the PSK. None of these opens another record.
 * @param aad from `credentialAad`, or any encoding that is unique to the place the record is stored in.
 * @returns the record, see record.ts.
 * @throws SealError `seal-input-invalid` (secret too long), `seal-key-invalid` (no usable public key).
 */
export async function seal(sealKey: SealKey, plaintext: Buffer, aad: Buffer): Promise<Buffer> {
  const padded = pad(plaintext)
  try {
    const header = encodeHeader(1, sealKey.version, sealKey.kid8)
    const context = await hpkeSuite
      .createSenderContext({
        ...scheduleInputs(header, sealKey.psk),
        recipientPublicKey: importPublicKey(sealKey.publicKey),
      })
      .catch(() => {
        throw new SealError('seal-key-invalid', 'the seal key cannot be used')
      })
    // The ArrayBuffer itself: given a view, the library would copy it, and that copy could not be zeroed.
    const sealed = Buffer.from(await context.seal(padded.buffer, new Uint8Array(aad)))
    return encodeRecord({
      suite: 1,
      keyVersion: sealKey.version,
      kid8: sealKey.kid8,
      enc: Buffer.from(context.enc),
      ciphertext: sealed.subarray(0, -TAG_BYTES),
      tag: sealed.subarray(-TAG_BYTES),
    })
  } finally {
    padded.fill(0)
  }
}

function importPublicKey(publicKey: Buffer) {
  return createPublicKey({
    key: { kty: 'OKP', crv: 'X25519', x: publicKey.toString('base64url') },
    format: 'jwk',
  }).toCryptoKey({ name: 'X25519' }, true, [])
}
