import { type Provider, providerNamed } from '@nora/contract/provider-catalog'
import type { CatalogProvider, ProviderKey } from '@nora/contract/provider-keys'
import type { CredentialRow } from '@nora/db/credentials'
import type { Family } from './family.ts'
import { requiredFields, usualHosts } from './required-fields.ts'

/** What is shown of a stored secret of any kind: metadata, never the secret. */
export function shownView(row: CredentialRow) {
  return {
    id: row.id,
    label: row.label,
    ownerId: row.owner_id,
    fingerprint: row.fingerprint,
    baseUrl: row.base_url,
    destinationHosts: row.destination_hosts,
    keyVersion: row.key_version,
    secretVersion: row.secret_version,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
    lastUsedAt: row.last_used_at?.toISOString() ?? null,
    usedBy: row.used_by,
  }
}

/** A stored key (or integration, whose shape is the same) as it is shown. */
export const keyView = (row: CredentialRow): ProviderKey => ({
  ...shownView(row),
  provider: row.provider,
  sharedWithWorkspace: row.shared_with_workspace,
})

export const providerKeys: Family<ProviderKey> = {
  kind: 'llm',
  path: 'llm-providers',
  event: 'PROVIDER_KEY',
  target: 'provider-key',
  inUse: 'provider-key-in-use',
  typeNamed: (name) => {
    const provider = providerNamed(name)
    return provider && { ...provider, tested: provider.testPath !== null }
  },
  view: keyView,
  discreet: false,
}

/** A provider as the catalogue shows it. */
export function providerView(entry: Provider): CatalogProvider {
  return {
    provider: entry.provider,
    name: entry.name,
    docsUrl: entry.docsUrl,
    fields: requiredFields(entry),
    anyFields: entry.anyFields,
    alternatives: entry.alternatives.map((names) => [...names]),
    baseUrl: entry.baseUrl,
    defaultBaseUrl: entry.defaultBaseUrl,
    destinationHosts: usualHosts(entry),
    testable: entry.testPath !== null,
    api: entry.api,
  }
}
