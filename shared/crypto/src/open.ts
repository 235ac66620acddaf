import { openFailed } from './errors.ts'
import { hpkeSuite, scheduleInputs } from './hpke.ts'
import type { OpenKey } from './keys.ts'
import { decodeRecord, encodeHeader, type SealedRecord, unpad } from './record.ts'
import { type PlaintextOption, readPlaintext } from './seal-plaintext.ts'

/**
 * Opens a sealed record. Prefer `withOpened`, which zeroes what this returns.
 * @param keyring every key this process may open with; a record names its key by version and by id, and both must
 * match one entry. No other key is tried.
 * @param aad the same bytes the record was sealed beside.
 * @param options `allowPlaintext` must be true for a suite 0 row; without it such a row is refused, so that writing
 * one into the database is no way to plant a secret.
 *
 * Memory: the padded plaintext is zeroed here; the answer is the only copy left that JavaScript can see. Node's own
 * copy inside the AES job is cleared by its allocator; the library's secrets of this one record wait for collection.
 * @returns the secret in a buffer of its own, which the caller zeroes.
 * @throws SealError `seal-open-failed`, with a `reason` for our own records; nothing of the input is in it.
 */
export async function open(
  keyring: readonly OpenKey[],
  record: Buffer,
  aad: Buffer,
  options: PlaintextOption = {},
): Promise<Buffer> {
  const decoded = decodeRecord(record)
  if (!decoded) throw openFailed('malformed')
  if (decoded.suite === 1) return openHpke(keyring, decoded, aad)
  if (options.allowPlaintext !== true) throw openFailed('plaintext-refused')
  const plaintext = readPlaintext(decoded, aad)
  if (!plaintext) throw openFailed('not-authentic')
  return plaintext
}

/**
 * Opens a record, lends the secret to `use`, and zeroes it afterwards, whether `use` answers or throws.
 * `use` must not keep the buffer nor make a string of it: a string cannot be wiped.
 * @returns what `use` returns. Failures are those of `open`, and what `use` throws.
 */
export async function withOpened<T>(
  keyring: readonly OpenKey[],
  record: Buffer,
  aad: Buffer,
  use: (plaintext: Buffer) => T | Promise<T>,
  options: PlaintextOption = {},
): Promise<T> {
  const plaintext = await open(keyring, record, aad, options)
  try {
    return await use(plaintext)
  } finally {
    plaintext.fill(0)
  }
}

async function openHpke(keyring: readonly OpenKey[], record: SealedRecord, aad: Buffer): Promise<Buffer> {
  const key = keyring.find((k) => k.version === record.keyVersion && k.kid8.equals(record.kid8))
  if (!key) throw openFailed('unknown-key')
  const padded = await decrypt(key, record, aad)
  if (!padded) throw openFailed('not-authentic')
  try {
    const plaintext = unpad(padded)
    if (!plaintext) throw openFailed('malformed')
    return plaintext
  } finally {
    padded.fill(0)
  }
}

// Any failure in here is one and the same to the caller: a small-order `enc` (RFC 9180 section 7.1.4; OpenSSL
// refuses the all-zero result), a wrong key, a changed byte.
async function decrypt(key: OpenKey, record: SealedRecord, aad: Buffer): Promise<Buffer | undefined> {
  try {
    const context = await hpkeSuite.createRecipientContext({
      ...scheduleInputs(encodeHeader(1, key.version, key.kid8), key.psk),
      recipientKey: key.keyPair,
      enc: new Uint8Array(record.enc),
    })
    const sealed = Buffer.concat([record.ciphertext, record.tag])
    // A view, not a copy: zeroing it wipes the only JavaScript-visible memory the padded secret was in.
    return Buffer.from(await context.open(new Uint8Array(sealed), new Uint8Array(aad)))
  } catch {
    return undefined
  }
}
