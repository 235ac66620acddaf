import { credentialAad } from '@nora/crypto/aad'
import { fingerprint } from '@nora/crypto/fingerprint'
import type { SealKey } from '@nora/crypto/keys'
import { seal } from '@nora/crypto/seal'
import type { NewRecord, OldRecord } from '@nora/db/rotation'
import { type Keyring, openSecret, placeOf } from '../secrets/open-secret.ts'
import { comparedBytes } from './compared-bytes.ts'

/**
 * Opens a record with the key that it names and seals the same secret under `to`, for the same place. Every buffer with
 * plaintext is zeroed before this returns or throws.
 * @throws OpenFailure when it does not open; SealError when `to` is of no use.
 */
export async function reseal(keyring: Keyring, to: SealKey, record: OldRecord): Promise<NewRecord> {
  const plaintext = await openSecret(keyring, record)
  let compared: Buffer | undefined
  try {
    compared = comparedBytes(record.kind, record.provider, plaintext)
    const aad = credentialAad({ ...placeOf(record), keyVersion: to.version })
    return {
      ...record,
      resealed: await seal(to, plaintext, aad),
      fingerprint: fingerprint(to, compared),
    }
  } finally {
    plaintext.fill(0)
    compared?.fill(0)
  }
}
