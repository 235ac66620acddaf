import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Integration as IntegrationType, integrationCatalog } from '@nora/contract/integration-catalog'
import {
  type CatalogIntegration,
  CreateIntegration,
  Integration,
  IntegrationCatalog,
  IntegrationPage,
  ReplaceIntegration,
  UpdateIntegration,
} from '@nora/contract/integrations'
import type { ProviderKey } from '@nora/contract/provider-keys'
import type { Deps } from '../deps.ts'
import { credentialRoutes } from '../provider-keys/credential-routes.ts'
import type { Family } from '../provider-keys/family.ts'
import { keyView } from '../provider-keys/key-view.ts'
import { requiredFields, usualHosts } from '../provider-keys/required-fields.ts'
import { writeRoutes } from '../provider-keys/write-routes.ts'

const integrations: Family<ProviderKey> = {
  kind: 'integration',
  path: 'integrations',
  event: 'INTEGRATION',
  target: 'integration',
  inUse: 'integration-in-use',
  typeNamed: (name) => {
    const type = integrationCatalog.find((entry) => entry.provider === name)
    return type && { ...type, tested: type.test !== null }
  },
  view: keyView,
  discreet: false,
}

/** `integrations`: credentials of every other service, with the calls, shapes and rules of provider keys. */
export const integrationRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  const tag = 'Integrations'
  credentialRoutes(app, deps, integrations, {
    tag,
    Shown: Integration,
    Page: IntegrationPage,
    Catalog: IntegrationCatalog,
    catalog: { items: integrationCatalog.map(typeView) },
  })
  writeRoutes(app, deps, integrations, {
    tag,
    Create: CreateIntegration,
    Replace: ReplaceIntegration,
    Update: UpdateIntegration,
    Shown: Integration,
  })
}

const typeView = (entry: IntegrationType): CatalogIntegration => ({
  provider: entry.provider,
  name: entry.name,
  docsUrl: entry.docsUrl,
  fields: requiredFields(entry),
  anyFields: entry.anyFields,
  alternatives: entry.alternatives.map((names) => [...names]),
  baseUrl: entry.baseUrl,
  defaultBaseUrl: entry.defaultBaseUrl,
  baseUrls: [...(entry.baseUrls ?? [])],
  destinationHosts: usualHosts(entry),
  addressField: entry.addressField ?? null,
  testable: entry.test !== null,
  test: entry.test,
})
