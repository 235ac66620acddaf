import type { EventTopic } from '@nora/contract/streams'

/** A topic of the events stream that is the beginning of a cache key in the workspace it comes from. */
const inWorkspace: Record<Exclude<EventTopic, 'me' | `agent:${string}`>, readonly string[]> = {
  agents: ['agents', 'deploy-options'],
  'provider-keys': ['provider-keys'],
  integrations: ['integrations'],
  'exchange-credentials': ['exchange-credentials'],
  members: ['members'],
  invitations: ['invitations'],
  'api-keys': ['api-keys'],
  audit: ['audit'],
  workspace: ['workspace'],
}
/** What belongs to the person, wherever they are. */
const ofPerson = ['me', 'sessions', 'passkeys', 'identities']

type Key = readonly unknown[]

/** The beginnings of the cache keys of what a topic says has changed; none for one that this page does not know. */
export function keysOfTopic(workspaceId: string, topic: string): Key[] {
  if (topic === 'me') return ofPerson.map((name) => [name])
  if (topic === 'agent:*') return [['w', workspaceId, 'agent']]
  if (topic.startsWith('agent:')) return [['w', workspaceId, 'agent', topic.slice('agent:'.length)]]
  if (!Object.hasOwn(inWorkspace, topic)) return []
  return inWorkspace[topic as keyof typeof inWorkspace].map((name) => ['w', workspaceId, name])
}

/** The same for several topics, each key once. */
export function keysOfTopics(workspaceId: string, topics: Iterable<string>): Key[] {
  const keys = [...topics].flatMap((topic) => keysOfTopic(workspaceId, topic))
  return [...new Map(keys.map((key) => [key.join('/'), key])).values()]
}

/** Everything that a stream of this workspace would have told of. */
export const keysOfAll = (workspaceId: string): Key[] => [
  ['w', workspaceId],
  ...ofPerson.map((name) => [name]),
]
