import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Exchange, exchangeCatalog } from '@nora/contract/exchange-catalog'
import {
  type CatalogExchange,
  CreateExchangeCredential,
  ExchangeCatalog,
  ExchangeCredential,
  ExchangeCredentialPage,
  ReplaceExchangeCredential,
  UpdateExchangeCredential,
} from '@nora/contract/exchange-credentials'
import type { Deps } from '../deps.ts'
import { sendOutcome } from '../http/idempotency.ts'
import { credentialRoutes, Id } from '../provider-keys/credential-routes.ts'
import { requiredFields, usualHosts } from '../provider-keys/required-fields.ts'
import { changeCredential } from './change-credential.ts'
import { exchangeCredentials } from './exchange-view.ts'
import { createCredential, replaceCredential } from './store-credential.ts'

/**
 * `exchange-credentials`: their owner's alone, never shared, `read_only` until the owner enables trading. The rules stand in
 * migrations/0018-credential-kinds.sql.
 */
export const exchangeCredentialRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  const tag = 'Exchange credentials'
  const tags = [tag]
  credentialRoutes(app, deps, exchangeCredentials, {
    tag,
    Shown: ExchangeCredential,
    Page: ExchangeCredentialPage,
    Catalog: ExchangeCatalog,
    catalog: { items: exchangeCatalog.map(exchangeView) },
  })

  app.post(
    '/exchange-credentials',
    {
      config: { access: 'key:write', idempotency: 'answer', recentProof: true },
      schema: { tags, body: CreateExchangeCredential, response: { 201: ExchangeCredential } },
    },
    async (request, reply) => sendOutcome(reply, await createCredential(deps, request, request.body)),
  )

  app.put(
    '/exchange-credentials/:id',
    {
      config: { access: 'key:write', recentProof: true },
      schema: { tags, params: Id, body: ReplaceExchangeCredential, response: { 200: ExchangeCredential } },
    },
    async (request) => replaceCredential(deps, request.actor, request.params.id, request.body),
  )

  app.patch(
    '/exchange-credentials/:id',
    {
      config: { access: 'key:write' },
      schema: { tags, params: Id, body: UpdateExchangeCredential, response: { 200: ExchangeCredential } },
    },
    async (request) => changeCredential(deps, request.actor, request.params.id, request.body),
  )
}

const exchangeView = (entry: Exchange): CatalogExchange => ({
  exchange: entry.provider,
  name: entry.name,
  docsUrl: entry.docsUrl,
  fields: requiredFields(entry),
  alternatives: entry.alternatives.map((names) => [...names]),
  walletAddress: entry.walletAddress !== null,
  defaultBaseUrl: entry.defaultBaseUrl,
  baseUrls: [...(entry.baseUrls ?? [])],
  destinationHosts: usualHosts(entry),
  testable: entry.test !== null,
  test: entry.test,
})
