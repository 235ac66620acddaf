import type { CredentialKind, CredentialType } from './credential-types.ts'
import { exchangeCatalog } from './exchange-catalog.ts'
import { integrationCatalog } from './integration-catalog.ts'
import { providerCatalog } from './provider-catalog.ts'

const catalogs: Record<CredentialKind, readonly CredentialType[]> = {
  llm: providerCatalog,
  integration: integrationCatalog,
  exchange: exchangeCatalog,
}

/** What the catalogue of a kind says of a name, or undefined. Names of two kinds may be alike. */
export function credentialType(kind: CredentialKind, name: string): CredentialType | undefined {
  return catalogs[kind].find((entry) => entry.provider === name)
}
