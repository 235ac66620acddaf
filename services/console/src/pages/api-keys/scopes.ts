import type { ApiKeyScope } from '@nora/contract/api-keys'

type Words = { title: string; about: string }

/** What each scope lets a program do, for whoever gives it. */
export const scopeWords: Record<ApiKeyScope, Words> = {
  'agents:read': {
    title: 'See agents',
    about: 'List agents and see their state, with the last lines that one printed before it failed.',
  },
  'agents:write': {
    title: 'Manage agents',
    about: 'Create, start, stop, restart and delete agents.',
  },
  'agents:invoke': {
    title: 'Call agents',
    about: 'Use an agent’s own HTTP API, which may cost what its provider keys are billed for.',
  },
  'keys:sync': {
    title: 'Deliver keys',
    about:
      'Have keys delivered to an agent, and choose which: your own and shared ones. It never sees a secret.',
  },
  'logs:read': { title: 'Read logs', about: 'Read what agents have printed.' },
  'metrics:read': { title: 'Read usage', about: 'Read how much CPU, memory and network agents use.' },
  'catalog:read': { title: 'See the catalogue', about: 'See which kinds of agents there are.' },
  'catalog:submit': { title: 'Submit to the catalogue', about: 'Nothing yet: kept for what comes.' },
}

/** Those that let a program do something now, in the order in which they are offered. */
export const offeredScopes = (Object.keys(scopeWords) as ApiKeyScope[]).filter(
  (scope) => scope !== 'catalog:submit',
)
