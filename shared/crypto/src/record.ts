import { SealError } from './errors.ts'

/** 1 = HPKE as in seal.ts. 0 = not encrypted, for installations that asked for it (seal-plaintext.ts). */
export type Suite = 0 | 1

/** A sealed record taken apart. The buffers are views into the record that was decoded. */
export type SealedRecord = {
  readonly suite: Suite
  readonly keyVersion: number
  readonly kid8: Buffer
  readonly enc: Buffer
  readonly ciphertext: Buffer
  readonly tag: Buffer
}

/** Padded plaintext comes in multiples of this, so that a record's length says little about the secret's. */
export const PAD_BYTES = 64
/** The largest secret: with its 4-byte length it fills 64 KiB. */
export const MAX_PLAINTEXT_BYTES = 65_532

const FORMAT_VERSION = 1
const HEADER_BYTES = 16
const ENC_BYTES = 32
const TAG_BYTES = 16
const OVERHEAD_BYTES = HEADER_BYTES + ENC_BYTES + TAG_BYTES
const LENGTH_BYTES = 4

/** The first 16 bytes: `"NS" | version u8 | suite u8 | keyVersion u32be | kid8`. HPKE's `info` repeats them. */
export function encodeHeader(suite: Suite, keyVersion: number, kid8: Buffer): Buffer {
  if (kid8.length !== 8) throw new SealError('seal-key-invalid', 'a key id has 8 bytes')
  const header = Buffer.alloc(HEADER_BYTES)
  header.write('NS', 'latin1')
  header.writeUInt8(FORMAT_VERSION, 2)
  header.writeUInt8(suite, 3)
  header.writeUInt32BE(keyVersion, 4)
  kid8.copy(header, 8)
  return header
}

/** Puts a record together: `header16 | enc32 | ciphertext | tag16`. Lengths are checked, as they are when read. */
export function encodeRecord(record: SealedRecord): Buffer {
  const bytes = Buffer.concat([
    encodeHeader(record.suite, record.keyVersion, record.kid8),
    record.enc,
    record.ciphertext,
    record.tag,
  ])
  if (record.enc.length !== ENC_BYTES || record.tag.length !== TAG_BYTES || !hasRecordLength(bytes.length)) {
    throw new SealError('seal-input-invalid', 'the parts of the record have the wrong lengths')
  }
  return bytes
}

/** Takes a record apart, or gives `undefined` when it is not one: magic, version, suite and length must all fit. */
export function decodeRecord(bytes: Buffer): SealedRecord | undefined {
  if (!hasRecordLength(bytes.length)) return undefined
  if (bytes.toString('latin1', 0, 2) !== 'NS' || bytes.readUInt8(2) !== FORMAT_VERSION) return undefined
  const suite = bytes.readUInt8(3)
  if (suite !== 0 && suite !== 1) return undefined
  const tagAt = bytes.length - TAG_BYTES
  return {
    suite,
    keyVersion: bytes.readUInt32BE(4),
    kid8: bytes.subarray(8, HEADER_BYTES),
    enc: bytes.subarray(HEADER_BYTES, HEADER_BYTES + ENC_BYTES),
    ciphertext: bytes.subarray(HEADER_BYTES + ENC_BYTES, tagAt),
    tag: bytes.subarray(tagAt),
  }
}

/** True when a sealed record can have this many bytes: 128, 192, ... 65 600. A database CHECK says the same. */
export function hasRecordLength(length: number): boolean {
  const padded = length - OVERHEAD_BYTES
  return padded >= PAD_BYTES && padded <= MAX_PLAINTEXT_BYTES + LENGTH_BYTES && padded % PAD_BYTES === 0
}

/**
 * Gives `length u32be | plaintext | zeros` in the smallest multiple of 64 bytes, alone in its own memory so that
 * filling it with zeros reaches all of it.
 * @throws SealError `seal-input-invalid` above MAX_PLAINTEXT_BYTES.
 */
export function pad(plaintext: Buffer): Buffer<ArrayBuffer> {
  if (plaintext.length > MAX_PLAINTEXT_BYTES) {
    throw new SealError('seal-input-invalid', `a secret has at most ${MAX_PLAINTEXT_BYTES} bytes`)
  }
  const padded = Buffer.alloc(paddedLength(plaintext.length))
  padded.writeUInt32BE(plaintext.length)
  plaintext.copy(padded, LENGTH_BYTES)
  return padded
}

/** Undoes `pad` into a new buffer; `undefined` unless the padding is exactly what `pad` would have written. */
export function unpad(padded: Buffer): Buffer | undefined {
  if (padded.length < PAD_BYTES) return undefined
  const length = padded.readUInt32BE()
  if (paddedLength(length) !== padded.length) return undefined
  const end = LENGTH_BYTES + length
  if (padded.subarray(end).some((byte) => byte !== 0)) return undefined
  const plaintext = Buffer.alloc(length) // not Buffer.from: that may share Node's pool with others
  padded.copy(plaintext, 0, LENGTH_BYTES, end)
  return plaintext
}

const paddedLength = (length: number) => Math.ceil((LENGTH_BYTES + length) / PAD_BYTES) * PAD_BYTES
