import { unwrap } from '@nora/client/client'
import type { AgentSummary } from '@nora/contract/agents'
import { type UseQueryResult, useQuery } from '@tanstack/react-query'
import { type InWorkspace, useWorkspace } from './session.tsx'

/** The workspace's agents by id, as many as one page of them holds: for names, and which keys they have. */
export function useAgentsById(): UseQueryResult<ReadonlyMap<string, AgentSummary>> {
  return useQuery({ ...agentsQuery(useWorkspace()), select: byId })
}

/** The same agents as a list, for where the workspace is not the page's. */
export const agentsQuery = ({ api, key }: InWorkspace) => ({
  queryKey: key('agents', 'by-id'),
  queryFn: ({ signal }: { signal: AbortSignal }) =>
    unwrap(api.GET('/api/agents', { params: { query: { limit: 200 } }, signal })),
})

const byId = ({ items }: { items: AgentSummary[] }) => new Map(items.map((agent) => [agent.id, agent]))

/** What the workspace's people are called. Gives "you" for whoever asks, and "a former member" for somebody who is gone. */
export function usePeople(): (userId: string) => string {
  const { api, key, me, workspace } = useWorkspace()
  const { data } = useQuery({
    queryKey: key('members', 'names'),
    queryFn: ({ signal }) =>
      unwrap(
        api.GET('/api/workspaces/{id}/members', {
          params: { path: { id: workspace.id }, query: { limit: 200 } },
          signal,
        }),
      ),
  })
  return (userId) => {
    if (userId === me.user.id) return 'you'
    const member = data?.items.find((one) => one.userId === userId)
    if (!member) return data && data.nextCursor === null ? 'a former member' : 'another member'
    return member.name || member.email
  }
}
