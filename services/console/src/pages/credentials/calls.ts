import type { Item } from '@nora/client/api-types'
import { type ApiClient, unwrap } from '@nora/client/client'
import type { Operation } from '@nora/contract/operations'
import type { DetachedProviderKey } from '@nora/contract/provider-keys'
import type { Family } from './family.ts'

type Key = Item<'/api/llm-providers'>
type Exchange = Item<'/api/exchange-credentials'>
type CatalogKey = Item<'/api/llm-providers/catalog'>
type CatalogIntegration = Item<'/api/integrations/catalog'>
type CatalogExchange = Item<'/api/exchange-credentials/catalog'>

/** A stored credential of any family. */
export type Credential = Omit<Key, 'provider'> & {
  provider: string
  /** Of exchanges alone. */
  permission: Exchange['permission'] | null
  walletAddress: string | null
}

/** An entry of any family's catalogue. */
export type CatalogEntry = Omit<CatalogIntegration, 'test'>
export type CatalogField = CatalogEntry['fields'][number]

export type Secret = Record<string, string>
export type NewCredential = {
  provider: string
  label: string
  secret: Secret
  baseUrl?: string
  sharedWithWorkspace?: boolean
}
export type CredentialChange = {
  label?: string
  sharedWithWorkspace?: boolean
  permission?: Exchange['permission']
}

export type Calls = ReturnType<typeof callsOf>

/**
 * The calls of a family. All three have the same ones below their paths (docs/credentials.md), so that the types of provider
 * keys stand for those of the others; where exchanges differ, `credentialOf`, `entryOf` and `create` know.
 */
export function callsOf(api: ApiClient, { path }: Family) {
  const all = path as '/api/llm-providers'
  const one = `${path}/{id}` as '/api/llm-providers/{id}'
  const params = (id: string) => ({ path: { id } })
  return {
    page: async (cursor: string | undefined, signal: AbortSignal) => {
      const query = { limit: 50, ...(cursor !== undefined && { cursor }) }
      const page = await unwrap(api.GET(all, { params: { query }, signal }))
      return { ...page, items: page.items.map(credentialOf) }
    },
    catalog: async (signal: AbortSignal): Promise<CatalogEntry[]> => {
      const at = `${path}/catalog` as '/api/llm-providers/catalog'
      const { items } = await unwrap(api.GET(at, { signal }))
      return items.map(entryOf)
    },
    create: async ({ provider, ...rest }: NewCredential): Promise<Credential> => {
      const exchange = path === '/api/exchange-credentials'
      const body = (exchange ? { exchange: provider, ...rest } : { provider, ...rest }) as NewCredential
      return credentialOf(await unwrap(api.POST(all, { body })))
    },
    replace: async (id: string, body: { secret: Secret; baseUrl?: string }): Promise<Credential> =>
      credentialOf(await unwrap(api.PUT(one, { params: params(id), body }))),
    change: async (id: string, change: CredentialChange, force = false): Promise<Credential> => {
      const body = change as { label?: string; sharedWithWorkspace?: boolean }
      const query = force ? { query: { force } } : {}
      return credentialOf(await unwrap(api.PATCH(one, { params: { ...params(id), ...query }, body })))
    },
    /** Undefined where no agent held it. */
    remove: (id: string, force: boolean): Promise<DetachedProviderKey | undefined> =>
      unwrap(api.DELETE(one, { params: { ...params(id), query: force ? { force } : {} } })) as Promise<
        DetachedProviderKey | undefined
      >,
    startTest: (id: string, signal: AbortSignal): Promise<Operation> => {
      const at = `${path}/{id}/test` as '/api/llm-providers/{id}/test'
      return unwrap(api.POST(at, { params: params(id), body: {}, signal }))
    },
    operation: (id: string, opId: string, signal: AbortSignal): Promise<Operation> => {
      const at = `${path}/{id}/operations/{opId}` as '/api/llm-providers/{id}/operations/{opId}'
      return unwrap(api.GET(at, { params: { path: { id, opId } }, signal }))
    },
  }
}

function credentialOf(row: Key | Exchange): Credential {
  if ('exchange' in row) {
    const { exchange, ...rest } = row
    return { ...rest, provider: exchange, sharedWithWorkspace: false }
  }
  return { ...row, permission: null, walletAddress: null }
}

function entryOf(entry: CatalogKey | CatalogIntegration | CatalogExchange): CatalogEntry {
  if ('exchange' in entry) {
    const { exchange, walletAddress: _, test: __, ...rest } = entry
    return { ...rest, provider: exchange, anyFields: false, baseUrl: 'listed', addressField: null }
  }
  return { baseUrls: [], addressField: null, ...entry }
}
