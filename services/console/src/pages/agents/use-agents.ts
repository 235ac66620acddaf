import { unwrap } from '@nora/client/client'
import { type ShownState, shownStates } from '@nora/ui/state-badge'
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { useSearchParams } from 'react-router'
import { useWorkspace } from '../../session.tsx'

export type AgentFilter = { state?: ShownState; q?: string }

/** What the address asks for; what it could not mean is left out. */
export function filterOf(search: URLSearchParams): AgentFilter {
  const state = shownStates.find((one) => one === search.get('state'))
  const q = search.get('q')?.trim().slice(0, 100)
  return { ...(state && { state }), ...(q && { q }) }
}

/** The filter, which the address keeps. */
export function useAgentFilter(): [AgentFilter, (change: { state?: string | null; q?: string }) => void] {
  const [search, setSearch] = useSearchParams()
  const change = (wanted: Record<string, string | null>) =>
    setSearch(
      (before) => {
        const after = new URLSearchParams(before)
        for (const [name, value] of Object.entries(wanted)) {
          if (value) after.set(name, value)
          else after.delete(name)
        }
        return after
      },
      { replace: true },
    )
  return [filterOf(search), change]
}

/** The agents that fit, a page at a time, the newest first. */
export function useAgents(filter: AgentFilter) {
  const { api, key } = useWorkspace()
  return useInfiniteQuery({
    queryKey: key('agents', 'pages', filter),
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam: cursor, signal }) =>
      unwrap(api.GET('/api/agents', { params: { query: { ...filter, ...(cursor && { cursor }) } }, signal })),
    getNextPageParam: ({ nextCursor }) => nextCursor ?? undefined,
    placeholderData: keepPreviousData,
  })
}
