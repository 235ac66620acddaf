import type { Answered, Item } from '@nora/client/api-types'
import type { Permission } from '@nora/contract/permissions'

export type AgentSummary = Item<'/api/agents'>
export type Agent = Answered<'/api/agents/{id}', 'get'>

/** What one can ask of an agent that is there. */
export const agentActions = ['start', 'restart', 'stop', 'redeploy', 'delete'] as const
export type AgentAction = (typeof agentActions)[number]

/** What it is called on a button, what is said when it was accepted, and what it does in a sentence. */
export const actionWords: Record<AgentAction, { button: string; accepted: string; does: string }> = {
  start: { button: 'Start', accepted: 'Starting', does: 'Starts it with its present keys and settings.' },
  restart: {
    button: 'Restart',
    accepted: 'Restarting',
    does: 'Stops it and starts it again; settings that were changed since take effect.',
  },
  stop: { button: 'Stop', accepted: 'Stopping', does: 'Ends its program. What it keeps stays.' },
  redeploy: {
    button: 'Redeploy',
    accepted: 'Redeploying',
    does: 'Makes its container anew and starts it. What it keeps stays.',
  },
  delete: { button: 'Delete', accepted: 'Deleting', does: 'Takes it away for good.' },
}

type Standing = Pick<AgentSummary, 'state' | 'desiredState' | 'operation'>

/** The operation that has not ended, if there is one. */
export function openOperation({ operation }: Pick<AgentSummary, 'operation'>): AgentSummary['operation'] {
  return operation?.status === 'queued' || operation?.status === 'running' ? operation : null
}

const permissionFor = (action: AgentAction): Permission =>
  action === 'delete' ? 'agent:delete' : 'agent:operate'

/** Whether it is worth asking for in this state. The api decides; this only spares people what would do nothing. */
function fits(action: AgentAction, { state, desiredState }: Standing): boolean {
  if (desiredState === 'deleted' || state === 'deleting') return false
  switch (action) {
    case 'delete':
    case 'redeploy':
      return true
    case 'start':
      return state === 'stopped' || state === 'error' || state === 'stopping'
    case 'restart':
      return state === 'running' || state === 'degraded'
    case 'stop':
      return desiredState === 'running' && state !== 'stopped'
  }
}

/** An action that may be shown; `blocked` says why it would be refused just now. */
export type Offer = { action: AgentAction; blocked?: string }

/** What somebody may ask of an agent as it stands. Stop and delete are always accepted; the rest waits its turn. */
export function offersFor(agent: Standing, can: (permission: Permission) => boolean): Offer[] {
  const open = openOperation(agent)
  return agentActions
    .filter((action) => can(permissionFor(action)) && fits(action, agent))
    .map((action) =>
      open && action !== 'stop' && action !== 'delete'
        ? { action, blocked: `Its ${open.kind} has not ended yet.` }
        : { action },
    )
}

/** What a cache of lists may hold: pages that were asked for one after the other, or one page. */
type Listed = { pages: { items: AgentSummary[] }[] } | { items: AgentSummary[] }

/**
 * A list with the agent as an answer showed it. An answer that is older than what is known already changes nothing, and a
 * shape that is not a list of agents comes back as it is.
 */
export function withAgent<T>(list: T, agent: AgentSummary): T {
  if (typeof list !== 'object' || list === null) return list
  const replace = <P extends { items: AgentSummary[] }>(page: P): P => ({
    ...page,
    items: page.items.map((known) => newerOf(known, agent)),
  })
  const listed = list as unknown as Listed
  if ('pages' in listed) return { ...list, pages: listed.pages.map(replace) }
  return 'items' in listed ? ({ ...list, ...replace(listed) } as T) : list
}

/** Times of the api are UTC with milliseconds, so their order is that of their letters. */
const newerOf = (known: AgentSummary, answer: AgentSummary): AgentSummary =>
  known.id === answer.id && known.updatedAt <= answer.updatedAt ? answer : known
