import { createHash, timingSafeEqual } from 'node:crypto'
import { SealError } from './errors.ts'
import { encodeRecord, pad, type SealedRecord, unpad } from './record.ts'

/** Said in so many words wherever a plaintext row is written or read: `NORA_ALLOW_PLAINTEXT_SECRETS=true`. */
export type PlaintextOption = { readonly allowPlaintext?: boolean }

/**
 * Writes a suite 0 record: **not encrypted**, for an installation whose operator asked for that. Key version 0 and
 * an empty key id put it before every real key, so that the first rotation seals it.
 *
 * Its tag is an unkeyed hash over place and content: it notices a row that was moved or damaged by accident, and
 * stops nobody who means it.
 * @throws SealError `plaintext-not-allowed` unless `allowPlaintext` is true; `seal-input-invalid`.
 */
export function sealPlaintext(plaintext: Buffer, aad: Buffer, options: PlaintextOption): Buffer {
  if (options.allowPlaintext !== true) {
    throw new SealError('plaintext-not-allowed', 'storing secrets in plaintext is not allowed here')
  }
  const padded = pad(plaintext)
  const record = encodeRecord({
    suite: 0,
    keyVersion: 0,
    kid8: Buffer.alloc(8),
    enc: Buffer.alloc(32),
    ciphertext: padded,
    tag: checksum(padded, aad),
  })
  padded.fill(0)
  return record
}

/** The content of a suite 0 record, or `undefined` when it is damaged or stands somewhere else. */
export function readPlaintext(record: SealedRecord, aad: Buffer): Buffer | undefined {
  const unused = [record.kid8, record.enc].some((part) => part.some((byte) => byte !== 0))
  if (unused || record.keyVersion !== 0) return undefined
  if (!timingSafeEqual(record.tag, checksum(record.ciphertext, aad))) return undefined
  return unpad(record.ciphertext)
}

function checksum(padded: Buffer, aad: Buffer): Buffer {
  const lengths = Buffer.alloc(8)
  lengths.writeUInt32BE(padded.length)
  lengths.writeUInt32BE(aad.length, 4)
  return createHash('sha256').update(lengths).update(padded).update(aad).digest().subarray(0, 16)
}
