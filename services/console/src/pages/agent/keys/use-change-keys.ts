import { unwrap } from '@nora/client/client'
import { failed, said } from '@nora/ui/toasts'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useWorkspace } from '../../../session.tsx'
import { type Agent, withAgent } from '../../agents/agent-actions.ts'

/** Shows an agent as an answer says it is, and has everything about it looked at again. */
export function useShowAgent(): (agent: Agent) => Promise<unknown> {
  const { key } = useWorkspace()
  const queries = useQueryClient()
  return (agent) => {
    queries.setQueryData(key('agent', agent.id), agent)
    queries.setQueriesData({ queryKey: key('agents') }, (list: unknown) => withAgent(list, agent))
    return Promise.all([
      queries.invalidateQueries({ queryKey: key('agent', agent.id) }),
      queries.invalidateQueries({ queryKey: key('agents') }),
      queries.invalidateQueries({ queryKey: key('provider-keys') }),
    ])
  }
}

/** Has the stored versions of all keys delivered to an agent. */
export function useSyncKeys(agent: Agent) {
  const { api } = useWorkspace()
  const show = useShowAgent()
  return useMutation({
    mutationFn: () =>
      unwrap(api.POST('/api/agents/{id}/sync-keys', { params: { path: { id: agent.id } }, body: {} })),
    onSuccess: (answer) => {
      said('The keys are being delivered.')
      return show(answer)
    },
    onError: (error) => failed(error, 'The keys were not delivered'),
  })
}

/** Makes these the keys that an agent holds. Refusals are for the dialogue that asks. */
export function useChangeKeys(agent: Agent) {
  const { api } = useWorkspace()
  const show = useShowAgent()
  return useMutation({
    mutationFn: (providerKeyIds: string[]) =>
      unwrap(api.PATCH('/api/agents/{id}', { params: { path: { id: agent.id } }, body: { providerKeyIds } })),
    onSuccess: (answer) => {
      const delivered = answer.desiredState === 'running' ? ' They are being delivered.' : ''
      said(answer.notice ?? `Its keys were changed.${delivered}`)
      return show(answer)
    },
  })
}
export type ChangeKeys = ReturnType<typeof useChangeKeys>
