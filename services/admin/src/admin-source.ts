import { unwrap } from '@nora/client/client'
import type { LiveSource } from '@nora/ui/lib/live/keep-live'
import { api } from './api.ts'

const topics = ['users', 'agents', 'queue', 'workers', 'audit', 'settings', 'keys']

/** What changes on the server. A topic is the beginning of its cache keys; the overview shows something of every one. */
export const adminSource: LiveSource = {
  ticket: async (signal) =>
    (await unwrap(api.call.POST('/api/admin/ws-tickets', { body: { kind: 'admin' }, signal }))).ticket,
  path: '/api/ws/admin',
  keysOf: (changed) => [
    ['overview'],
    ...[...changed].filter((topic) => topics.includes(topic)).map((topic) => [topic]),
  ],
  everything: () => [['overview'], ['me'], ...topics.map((topic) => [topic])],
  own: ['agents', 'queue', 'workers'],
  // Each look across workspaces is written into the audit.
  gatherMs: 3_000,
}
