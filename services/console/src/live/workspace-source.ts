import { unwrap } from '@nora/client/client'
import type { LiveSource } from '@nora/ui/lib/live/keep-live'
import { api } from '../api.ts'
import { keysOfAll, keysOfTopics } from './topics.ts'

/** What changes in a workspace. */
export const workspaceSource = (workspaceId: string): LiveSource => ({
  ticket: async (signal) => {
    const asked = api.inWorkspace(workspaceId).POST('/api/ws-tickets', { body: { kind: 'events' }, signal })
    return (await unwrap(asked)).ticket
  },
  path: `/api/ws/events/${workspaceId}`,
  keysOf: (topics) => keysOfTopics(workspaceId, topics),
  everything: () => keysOfAll(workspaceId),
  own: ['agents', 'agent:*'],
})
