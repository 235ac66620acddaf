import type { Tx } from '@nora/db/actor'
import { type CredentialRow, credentialById } from '@nora/db/credentials'
import { DomainError } from '@nora/domain/errors'
import type { Family } from './family.ts'

/**
 * A key of the caller's own. One that they may only see, because it is shared with them, is refused as such: its
 * existence is no secret to them. DomainError `not-found`, `forbidden`.
 */
export async function ownKey(
  tx: Tx,
  { kind }: Pick<Family, 'kind'>,
  who: { userId: string },
  id: string,
): Promise<CredentialRow> {
  const key = await credentialById(tx, kind, id)
  if (!key) throw new DomainError('not-found')
  if (key.owner_id !== who.userId) {
    throw new DomainError('forbidden', {}, { detail: 'only its owner can change a key' })
  }
  return key
}
