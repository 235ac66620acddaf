import type { Provider } from '@nora/contract/provider-catalog'
import type { CatalogProvider, ProviderKey } from '@nora/contract/provider-keys'
import type { CredentialRow } from '@nora/db/credentials'

/** A stored key as it is shown: metadata, never the secret. */
export function keyView(row: CredentialRow): ProviderKey {
  return {
    id: row.id,
    provider: row.provider,
    label: row.label,
    ownerId: row.owner_id,
    fingerprint: row.fingerprint,
    sharedWithWorkspace: row.shared_with_workspace,
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

/** A provider as the catalogue shows it. */
export function providerView(entry: Provider): CatalogProvider {
  const always = (name: string) =>
    entry.alternatives.length > 0 && entry.alternatives.every((names) => names.includes(name))
  return {
    provider: entry.provider,
    name: entry.name,
    docsUrl: entry.docsUrl,
    fields: entry.fields.map((field) => ({ ...field, required: always(field.name) })),
    anyFields: entry.anyFields,
    baseUrl: entry.baseUrl,
    defaultBaseUrl: entry.defaultBaseUrl,
    destinationHosts: entry.defaultBaseUrl === null ? [] : [new URL(entry.defaultBaseUrl).host],
    testable: entry.testPath !== null,
    api: entry.api,
  }
}
