import { type ApiClient, unwrap } from '@nora/client/client'
import { problemWords } from '@nora/ui/lib/problem-words'
import type { Holder } from './holders.tsx'

export type Synced = { agent: Pick<Holder, 'id' | 'name'>; problem: string | undefined }

/** Has each agent's keys delivered again, one call an agent; one that cannot be done now does not keep the others from it. */
export const syncAgents = (
  api: ApiClient,
  agents: readonly Pick<Holder, 'id' | 'name'>[],
): Promise<Synced[]> =>
  Promise.all(
    agents.map(async ({ id, name }) => {
      const agent = { id, name }
      try {
        await unwrap(api.POST('/api/agents/{id}/sync-keys', { params: { path: { id } }, body: {} }))
        return { agent, problem: undefined }
      } catch (error) {
        const { text, detail } = problemWords(error)
        return { agent, problem: detail ? `${text} ${detail}` : text }
      }
    }),
  )

/** What became of it, in sentences. */
export function syncWords(synced: readonly Synced[]): string {
  const failed = synced.filter(({ problem }) => problem !== undefined)
  const done = synced.length - failed.length
  const first =
    done === 0
      ? 'No agent is being given it.'
      : `${done === 1 ? '1 agent is' : `${done} agents are`} being given it.`
  return [first, ...failed.map(({ agent, problem }) => `${agent.name}: ${problem}`)].join(' ')
}
