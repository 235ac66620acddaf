import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Agent } from '@nora/contract/agents'
import { providerCatalog } from '@nora/contract/provider-catalog'
import {
  CreateProviderKey,
  ProviderCatalog,
  ProviderKey,
  ProviderKeyPage,
  ReplaceProviderKey,
  SyncProviderKeys,
  UpdateProviderKey,
} from '@nora/contract/provider-keys'
import { syncKeys } from '../agents/sync-keys.ts'
import type { Deps } from '../deps.ts'
import { sendOutcome } from '../http/idempotency.ts'
import { credentialRoutes } from './credential-routes.ts'
import { providerKeys, providerView } from './key-view.ts'
import { writeRoutes } from './write-routes.ts'

/** `llm-providers`: keys of model providers. What is stored is sealed; what is shown is metadata. */
export const providerKeyRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  const tag = 'Provider keys'
  credentialRoutes(app, deps, providerKeys, {
    tag,
    Shown: ProviderKey,
    Page: ProviderKeyPage,
    Catalog: ProviderCatalog,
    catalog: { items: providerCatalog.map(providerView) },
  })
  writeRoutes(app, deps, providerKeys, {
    tag,
    Create: CreateProviderKey,
    Replace: ReplaceProviderKey,
    Update: UpdateProviderKey,
    Shown: ProviderKey,
  })

  app.post(
    '/llm-providers/sync',
    {
      config: { access: 'key:sync', idempotency: 'answer' },
      schema: { tags: [tag], body: SyncProviderKeys, response: { 202: Agent } },
    },
    async (request, reply) =>
      sendOutcome(reply, await syncKeys(deps, request, request.body.agentId, undefined)),
  )
}
