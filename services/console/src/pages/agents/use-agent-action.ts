import { unwrap } from '@nora/client/client'
import { failed } from '@nora/ui/toasts'
import { type UseMutationResult, useMutation, useQueryClient } from '@tanstack/react-query'
import { useWorkspace } from '../../session.tsx'
import { type Agent, type AgentAction, withAgent } from './agent-actions.ts'

export type AgentRequest = {
  agentId: string
  action: AgentAction
  /** With `delete`: leave what the agent keeps. */
  keepData?: boolean
}

/**
 * Asks something of an agent. What the api answered (the state it is in now: "stopping", or what it waits for) is shown at once, in
 * lists (`key('agents', ...)`) and in `key('agent', id)`; the rest comes as it happens. A refusal is told by a toast, unless
 * `quiet`, for a dialogue that shows it itself.
 */
export function useAgentAction({ quiet = false } = {}): UseMutationResult<Agent, unknown, AgentRequest> {
  const { api, key } = useWorkspace()
  const queries = useQueryClient()
  return useMutation({
    mutationFn: ({ agentId, action, keepData = false }: AgentRequest) => {
      const path = { id: agentId }
      switch (action) {
        case 'start':
          return unwrap(api.POST('/api/agents/{id}/start', { params: { path }, body: {} }))
        case 'restart':
          return unwrap(api.POST('/api/agents/{id}/restart', { params: { path }, body: {} }))
        case 'stop':
          return unwrap(api.POST('/api/agents/{id}/stop', { params: { path }, body: {} }))
        case 'redeploy':
          return unwrap(api.POST('/api/agents/{id}/redeploy', { params: { path }, body: {} }))
        case 'delete':
          return unwrap(api.DELETE('/api/agents/{id}', { params: { path, query: { keepData } } }))
      }
    },
    onSuccess: (agent) => {
      queries.setQueriesData({ queryKey: key('agents') }, (list: unknown) => withAgent(list, agent))
      queries.setQueryData<Agent>(key('agent', agent.id), (known) =>
        known && known.updatedAt > agent.updatedAt ? known : agent,
      )
    },
    onError: (error) => {
      if (!quiet) failed(error)
    },
    // Also after a refusal: it says that the agent does not stand as it is shown.
    onSettled: async (_agent, _error, { agentId }) => {
      await Promise.all([
        queries.invalidateQueries({ queryKey: key('agents') }),
        queries.invalidateQueries({ queryKey: key('agent', agentId) }),
        queries.invalidateQueries({ queryKey: key('deploy-options') }),
      ])
    },
  })
}
