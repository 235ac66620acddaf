import { type CredentialPlace, credentialAad } from '@nora/crypto/aad'
import { SealError } from '@nora/crypto/errors'
import type { OpenKey } from '@nora/crypto/keys'
import { open } from '@nora/crypto/open'
import type { SealedRow } from '@nora/db/worker-credentials'
import { readSecretFields } from './secret-fields.ts'

/** A row that holds a sealed record, whether in `credentials` or copied from there. */
export type Sealed = Pick<
  SealedRow,
  | 'id'
  | 'workspaceId'
  | 'ownerId'
  | 'kind'
  | 'provider'
  | 'destinationHosts'
  | 'keyVersion'
  | 'secretVersion'
  | 'sealed'
>

/** What this worker opens with. `allowPlaintext`: rows that the operator allowed to be stored unsealed (suite 0). */
export type Keyring = { keys: readonly OpenKey[]; allowPlaintext: boolean }

/** Why a stored key did not open. `reason` is for people and for the audit; nothing of the input is in either. */
export class OpenFailure extends Error {
  readonly reason: string

  constructor(reason: string) {
    super('a stored key did not open')
    this.name = 'OpenFailure'
    this.reason = reason
  }
}

const words: Record<string, string> = {
  malformed: 'the stored record is damaged',
  'unknown-key': 'it is sealed with an encryption key that this worker does not have',
  'not-authentic': 'the stored record was changed, or moved here from another place',
  'plaintext-refused': 'it is stored in plaintext, which this server does not allow',
}

/**
 * Opens a record beside the columns of its own row and gives its fields, one Buffer each: the caller wipes them with
 * `wipeFields`. The opened plaintext itself is wiped here.
 * @throws OpenFailure
 */
export async function openFields(keyring: Keyring, row: Sealed): Promise<Record<string, Buffer>> {
  const plaintext = await openSecret(keyring, row)
  try {
    return readSecretFields(plaintext)
  } catch (error) {
    if (error instanceof RangeError) throw new OpenFailure('its content cannot be read')
    throw error
  } finally {
    plaintext.fill(0)
  }
}

/** Opens a record beside the columns of its own row; the caller wipes what it gets. @throws OpenFailure */
export async function openSecret({ keys, allowPlaintext }: Keyring, row: Sealed): Promise<Buffer> {
  try {
    return await open(keys, row.sealed, credentialAad(placeOf(row)), { allowPlaintext })
  } catch (error) {
    if (error instanceof SealError) throw new OpenFailure(words[error.reason ?? ''] ?? 'it does not open')
    throw error
  }
}

/** Where a record belongs: a copy of one (what an agent was given) belongs where it was copied from. */
export const placeOf = (row: Sealed): CredentialPlace => ({
  table: 'credentials',
  column: 'sealed',
  rowId: row.id,
  workspaceId: row.workspaceId,
  ownerId: row.ownerId,
  keyVersion: row.keyVersion,
  secretVersion: row.secretVersion,
  kind: row.kind,
  provider: row.provider,
  destinationHosts: row.destinationHosts,
})
