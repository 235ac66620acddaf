import type { ApiClient } from '@nora/client/client'
import { unwrap } from '@nora/client/client'
import { useQuery } from '@tanstack/react-query'
import { useWorkspace } from '../../session.tsx'

/** What can be deployed here: how runtimes are called and what they ask for. */
export function useDeployOptions() {
  const { api, key } = useWorkspace()
  return useQuery({
    queryKey: key('deploy-options'),
    queryFn: ({ signal }) => unwrap(api.GET('/api/deploy-options', { signal })),
  })
}

/** A credential of any kind that one may see. */
export type Credential = {
  id: string
  family: 'provider-keys' | 'integrations' | 'exchange-credentials'
  label: string
  /** What it is for: the provider, the service, the exchange. */
  of: string
  ownerId: string
  shared: boolean
  secretVersion: number
}

/** All credentials that one may see here, of all three kinds. */
export function useCredentials() {
  const { api, key } = useWorkspace()
  return useQuery({
    queryKey: key('provider-keys', 'every-kind'),
    queryFn: async ({ signal }) => {
      const [keys, integrations, exchange] = await Promise.all([
        providerKeys(api, signal),
        unwrap(api.GET('/api/integrations', { params: { query: { limit: 200 } }, signal })),
        unwrap(api.GET('/api/exchange-credentials', { params: { query: { limit: 200 } }, signal })),
      ])
      return [
        ...keys.map(
          (one): Credential => ({
            ...one,
            family: 'provider-keys',
            of: one.provider,
            shared: one.sharedWithWorkspace,
          }),
        ),
        ...integrations.items.map(
          (one): Credential => ({
            ...one,
            family: 'integrations',
            of: one.provider,
            shared: one.sharedWithWorkspace,
          }),
        ),
        ...exchange.items.map(
          (one): Credential => ({ ...one, family: 'exchange-credentials', of: one.exchange, shared: false }),
        ),
      ]
    },
  })
}

async function providerKeys(api: ApiClient, signal: AbortSignal) {
  return (await unwrap(api.GET('/api/llm-providers', { params: { query: { limit: 200 } }, signal }))).items
}
