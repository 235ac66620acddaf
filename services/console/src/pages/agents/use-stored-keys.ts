import { unwrap } from '@nora/client/client'
import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { type InWorkspace, useWorkspace } from '../../session.tsx'
import type { Versions } from './held-keys.ts'

export type StoredKey = {
  id: string
  family: 'provider-keys' | 'integrations' | 'exchange-credentials'
  label: string
  /** What it is for: the name of its entry in the catalogue. */
  provider: string
  ownerId: string
  secretVersion: number
  /** An exchange credential never is. */
  sharedWithWorkspace: boolean
}

/** The families, as they are called, and by what name runtimes say that they use them. */
export const families = [
  { name: 'provider-keys', title: 'Provider keys', kind: 'llm' },
  { name: 'integrations', title: 'Integrations', kind: 'integration' },
  { name: 'exchange-credentials', title: 'Exchange credentials', kind: 'exchange' },
] as const

/** Why an agent of this person may not be given a key; null when it may. */
export function whyNot({ ownerId, sharedWithWorkspace, family }: StoredKey, userId: string): string | null {
  if (ownerId === userId || sharedWithWorkspace) return null
  return family === 'exchange-credentials'
    ? 'An exchange credential goes into agents of its owner alone.'
    : 'Its owner has not shared it with the workspace.'
}

const most = { params: { query: { limit: 200 } } }
type Here = Pick<InWorkspace, 'api' | 'key'>

const providerKeys = ({ api, key }: Here) => ({
  queryKey: key('provider-keys', 'many'),
  queryFn: async ({ signal }: { signal: AbortSignal }): Promise<StoredKey[]> => {
    const { items } = await unwrap(api.GET('/api/llm-providers', { ...most, signal }))
    return items.map((item) => ({ ...item, family: 'provider-keys' }))
  },
})
const integrations = ({ api, key }: Here) => ({
  queryKey: key('integrations', 'many'),
  queryFn: async ({ signal }: { signal: AbortSignal }): Promise<StoredKey[]> => {
    const { items } = await unwrap(api.GET('/api/integrations', { ...most, signal }))
    return items.map((item) => ({ ...item, family: 'integrations' }))
  },
})
const exchanges = ({ api, key }: Here) => ({
  queryKey: key('exchange-credentials', 'many'),
  queryFn: async ({ signal }: { signal: AbortSignal }): Promise<StoredKey[]> => {
    const { items } = await unwrap(api.GET('/api/exchange-credentials', { ...most, signal }))
    return items.map((item) => ({
      ...item,
      provider: item.exchange,
      sharedWithWorkspace: false,
      family: 'exchange-credentials',
    }))
  },
})

/**
 * The credentials of all three families that this person may see: the first two hundred of each. `error` is the first refusal, beside
 * what came of the others.
 */
export function useStoredKeys(): { keys: StoredKey[]; versions: Versions; pending: boolean; error: unknown } {
  const here = useWorkspace()
  const [llm, other, exchange] = [
    useQuery(providerKeys(here)),
    useQuery(integrations(here)),
    useQuery(exchanges(here)),
  ]
  const keys = useMemo(
    () => [llm.data, other.data, exchange.data].flatMap((items) => items ?? []),
    [llm.data, other.data, exchange.data],
  )
  return {
    keys,
    versions: useMemo(() => new Map(keys.map((key) => [key.id, key])), [keys]),
    pending: llm.isPending || other.isPending || exchange.isPending,
    error: llm.error ?? other.error ?? exchange.error,
  }
}
