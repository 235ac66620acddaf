import type { CredentialKind } from '@nora/contract/credential-types'
import { SealError } from './errors.ts'

/** Where a credential stands, from the row's own stored columns: never from a catalogue, which may change. */
export type CredentialPlace = {
  readonly table: string
  readonly column: string
  readonly rowId: string
  readonly workspaceId: string
  readonly ownerId: string
  readonly keyVersion: number
  readonly secretVersion: number
  readonly kind: CredentialKind
  readonly provider: string
  /** A set: order does not matter. An empty list is a different place from any other. */
  readonly destinationHosts: readonly string[]
}

/** Keys of model providers were sealed before there were other kinds: theirs is the name without a kind. */
const domainOf = (kind: CredentialKind) =>
  kind === 'llm' ? 'nora/v1/credential' : `nora/v1/credential/${kind}`

/**
 * The additional data that binds a ciphertext to its place: a record that is moved to another row, column, owner,
 * workspace, kind, provider or destination, or rolled back to an older secret, does not open.
 *
 * Every field is preceded by its length (u32be) and lists by their count, in one fixed order, so no two places
 * share an encoding. Text goes in byte for byte: give ids in the spelling that Postgres gives them back (lower
 * case), or the row will not open later.
 * @throws SealError `seal-input-invalid` for text that is not well-formed UTF-16 (it would lose its difference in
 * UTF-8) and for numbers that are not safe non-negative integers.
 */
export function credentialAad(place: CredentialPlace): Buffer {
  const hosts = [...place.destinationHosts].sort()
  return Buffer.concat([
    text(domainOf(place.kind)),
    text(place.table),
    text(place.column),
    text(place.rowId),
    text(place.workspaceId),
    text(place.ownerId),
    integer(place.keyVersion),
    integer(place.secretVersion),
    text(place.provider),
    integer(hosts.length),
    ...hosts.map(text),
  ])
}

function text(value: string): Buffer {
  if (!value.isWellFormed()) throw new SealError('seal-input-invalid', 'a field is not well-formed text')
  return lengthPrefixed(Buffer.from(value, 'utf8'))
}

function integer(value: number): Buffer {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new SealError('seal-input-invalid', 'a field is not a non-negative integer')
  }
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return lengthPrefixed(bytes)
}

function lengthPrefixed(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}
