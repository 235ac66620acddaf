import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query'
import { useMemo } from 'react'
import { useWorkspace } from '../../session.tsx'
import { callsOf } from './calls.ts'
import type { Family } from './family.ts'

/** A family's calls in the present workspace, and a way to have its list asked for again. */
export function useFamily(family: Family) {
  const { api, key } = useWorkspace()
  const queries = useQueryClient()
  return useMemo(
    () => ({
      calls: callsOf(api, family),
      /** What agents hold changes with what is stored. */
      changed: async () => {
        await queries.invalidateQueries({ queryKey: key(family.name) })
        void queries.invalidateQueries({ queryKey: key('agents') })
      },
    }),
    [api, key, family, queries],
  )
}

/** The family's stored credentials, page by page. */
export function useCredentials(family: Family) {
  const { key } = useWorkspace()
  const { calls } = useFamily(family)
  return useInfiniteQuery({
    queryKey: key(family.name, 'pages'),
    queryFn: ({ pageParam, signal }) => calls.page(pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ nextCursor }) => nextCursor ?? undefined,
  })
}

/** What can be stored in the family. It changes with the server's version alone. */
export function useCatalog(family: Family) {
  const { key } = useWorkspace()
  const { calls } = useFamily(family)
  return useQuery({
    queryKey: key(family.name, 'catalog'),
    queryFn: ({ signal }) => calls.catalog(signal),
    staleTime: Number.POSITIVE_INFINITY,
  })
}
