import type { CredentialType } from '@nora/contract/credential-types'
import type { Secret } from '@nora/contract/provider-keys'
import { type CredentialPlace, credentialAad } from '@nora/crypto/aad'
import { fingerprint } from '@nora/crypto/fingerprint'
import { seal } from '@nora/crypto/seal'
import { sealPlaintext } from '@nora/crypto/seal-plaintext'
import { DomainError } from '@nora/domain/errors'
import type { Deps } from '../deps.ts'

type SealDeps = { sealKey: Deps['sealKey']; config: Pick<Deps['config'], 'allowPlaintextSecrets'> }

export type Sealed = { sealed: Buffer; suite: number; keyVersion: number; fingerprint: string }

/** Room for any key or certificate. A worker looks for every form of it in every line of the agents that hold it. */
const maxBytes = 16_000

/**
 * The secret as it will be stored: fields the provider knows (any, for `custom`), without the white space that pasting
 * brings. DomainError `bad-request` that says which fields there are and repeats nothing that was sent: a key pasted
 * into the wrong box may stand in a field's name.
 */
export function checkSecret(provider: CredentialType, secret: Secret): Secret {
  if (provider.anyFields) return secret
  const known = new Set(provider.fields.map((field) => field.name))
  if (Object.keys(secret).some((name) => !known.has(name))) {
    throw wrong(`has a field this provider does not know; its fields are ${[...known].join(', ')}`)
  }
  const trimmed = Object.fromEntries(Object.entries(secret).map(([name, value]) => [name, value.trim()]))
  if (Object.values(trimmed).some((value) => value === '')) throw wrong('has an empty field')
  if (!provider.alternatives.some((names) => names.every((name) => name in trimmed))) {
    throw wrong(`needs ${provider.alternatives.map((names) => names.join(' and ')).join(', or ')}`)
  }
  return trimmed
}

/** Seals a checked secret for one row and version. Every copy in a Buffer is zeroed before this returns. */
export async function sealSecret(
  deps: SealDeps,
  provider: CredentialType,
  secret: Secret,
  row: Pick<
    CredentialPlace,
    'rowId' | 'workspaceId' | 'ownerId' | 'secretVersion' | 'kind' | 'destinationHosts'
  >,
): Promise<Sealed> {
  const plain = deps.config.allowPlaintextSecrets
  // What no key seals has none: the columns say so, and a later rotation seals it.
  const keyVersion = plain ? 0 : deps.sealKey.version
  const aad = credentialAad({
    ...row,
    table: 'credentials',
    column: 'sealed',
    keyVersion,
    provider: provider.provider,
  })
  const plaintext = Buffer.from(canonical(secret), 'utf8')
  const compared = Buffer.from(comparable(provider, secret), 'utf8')
  try {
    if (plaintext.length > maxBytes) throw wrong('is longer than 16000 bytes')
    return {
      sealed: plain
        ? sealPlaintext(plaintext, aad, { allowPlaintext: true })
        : await seal(deps.sealKey, plaintext, aad),
      suite: plain ? 0 : 1,
      keyVersion,
      fingerprint: fingerprint(deps.sealKey, compared),
    }
  } finally {
    plaintext.fill(0)
    compared.fill(0)
  }
}

const canonical = (secret: Secret) =>
  JSON.stringify(Object.fromEntries(Object.entries(secret).sort(([a], [b]) => (a < b ? -1 : 1))))

/** The same API key has the same fingerprint, whatever model or organization stands beside it. */
function comparable(provider: CredentialType, secret: Secret): string {
  const secretNames = new Set(provider.fields.filter((field) => field.secret).map((field) => field.name))
  const parts = Object.entries(secret).filter(([name]) => provider.anyFields || secretNames.has(name))
  return parts.length === 1 ? parts[0]![1] : canonical(Object.fromEntries(parts))
}

const wrong = (message: string) =>
  new DomainError('bad-request', { errors: [{ path: 'body/secret', message }] })
