import { sealedCounts } from '@nora/db/rotation'
import type { DB } from '@nora/db/schema'
import type { Logger } from '@nora/log/logger'
import type { Kysely } from 'kysely'
import type { Keyring } from '../secrets/open-secret.ts'

/** A worker does not start: what is stored is sealed with keys that it lacks. The message says which, and what to do. */
export class KeysMissing extends Error {}

/**
 * Looks before any work whether this worker has every key that a stored record is sealed with. Nothing is lost by a missing
 * one: its records wait for it. Serving without it would degrade the agents that need them, and let its owner throw it away.
 * @param lost versions that the operator has given up (`<version>:lost`): said in the log, and accepted.
 * @throws KeysMissing.
 */
export async function requireKeys(
  deps: { db: Kysely<DB>; log: Logger; keyring: Keyring },
  lost: readonly number[] = [],
): Promise<void> {
  const had = new Set(deps.keyring.keys.map((key) => key.version))
  const counts = await sealedCounts(deps.db)
  const lacking = counts
    .map(({ keyVersion, credentials, givenSecrets }) => ({ keyVersion, records: credentials + givenSecrets }))
    .filter(({ keyVersion, records }) => keyVersion > 0 && records > 0 && !had.has(keyVersion))
  for (const { keyVersion, records } of lacking.filter((one) => lost.includes(one.keyVersion))) {
    deps.log.error({ alert: 'encryption-key-lost', keyVersion, records }, 'records of a lost key do not open')
  }
  const missing = lacking.filter((one) => !lost.includes(one.keyVersion))
  if (missing.length === 0) return
  const what = missing.map(({ keyVersion, records }) => `${records} of key ${keyVersion}`).join(', ')
  throw new KeysMissing(
    `there are stored secrets whose key this worker does not have (${what}): put <version>:<key> back into ` +
      'ENCRYPTION_KEYS_PREVIOUS (a newer number than its own: start it with the newer ENCRYPTION_KEY), or, if the key is ' +
      'gone for good, write <version>:lost',
  )
}
