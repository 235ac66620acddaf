import { type Cells, everyProgram, from, fromAtHome, signedIn } from '../cells.ts'
import { type Body, type RouteName, type Row, route } from '../row.ts'

const ids = { id: 'agent' } as const
const starter = { name: 'made', runtime: 'starter' }
const withKey =
  (key: 'key' | 'hiddenKey'): Body =>
  async (world, caller) => ({
    ...starter,
    providerKeyIds: [await world.id(key, caller)],
  })

export const agentRows: Row[] = [
  route('GET /api/deploy-options', fromAtHome('viewer', 200)),
  route('POST /api/agents', fromAtHome('editor', 202), { body: starter }),
  route('POST /api/agents', from('editor', 202), {
    when: 'with a key that somebody shared',
    body: withKey('key'),
  }),
  route('POST /api/agents', from('editor', '404 not-found'), {
    when: 'with a key that somebody did not share',
    body: withKey('hiddenKey'),
  }),
  route('GET /api/agents', fromAtHome('viewer', 200)),
  route('GET /api/agents/:id', from('viewer', 200), { ids }),
  route('PATCH /api/agents/:id', from('editor', 200), { ids, body: { name: 'renamed' } }),
  route('DELETE /api/agents/:id', from('editor', 202), { ids }),
  ...(['start', 'stop', 'restart', 'redeploy', 'sync-keys'] as const).map((verb) =>
    route(`POST /api/agents/:id/${verb}`, from('editor', 202), { ids }),
  ),
  route('GET /api/agents/:id/events', from('viewer', 200), { ids }),
  route('GET /api/agents/:id/logs', from('viewer', 200), { ids }),
  route('GET /api/agents/:id/metrics', from('viewer', 200), { ids }),
  route('GET /api/agents/:id/operations', from('viewer', 200), { ids }),
  route('GET /api/agents/:id/operations/:opId', from('viewer', 200), {
    ids: { id: 'newAgent', opId: 'newAgentOperation' },
  }),
  route('POST /api/agents/:id/operations/:opId/cancel', from('editor', 202), {
    ids: { id: 'newAgent', opId: 'newAgentOperation' },
  }),
]

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const
const invocations = methods.flatMap((method): RouteName[] => [
  `${method} /api/agents/:id/invoke`,
  `${method} /api/agents/:id/invoke/*`,
])

export const invokeRows: Row[] = invocations.map((name) =>
  route(name, from('editor', 200), { ids, harmless: true }),
)

const nobodysSocket: Cells = {
  ...signedIn('closed 4401'),
  ...{ anonymous: 'closed 4401', disabled: 'closed 4401', adminSession: 'closed 4401' },
  ...everyProgram('closed 4401'),
}
const socket: Cells = { ...nobodysSocket, ...{ viewer: 101, editor: 101, admin: 101, owner: 101 } }
const when = 'with the own ticket, or one of somebody else’s where none can be had'

export const streamRows: Row[] = [
  route('POST /api/ws-tickets', from('viewer', 201), {
    when: 'for an agent',
    body: async (world, caller) => ({ kind: 'logs', agentId: await world.id('agent', caller) }),
  }),
  route('POST /api/ws-tickets', fromAtHome('viewer', 201), {
    when: 'for what changes in the workspace',
    body: { kind: 'events' },
  }),
  route('POST /api/ws-tickets', from('editor', 201), {
    when: 'for a terminal',
    stepUp: true,
    body: async (world, caller) => ({ kind: 'exec', agentId: await world.id('agent', caller) }),
  }),
  route('WS /api/ws/logs/:id', socket, { when, ids }),
  route('WS /api/ws/events/:id', socket, { when, ids: { id: 'workspace' } }),
  route(
    'WS /api/ws/exec/:id',
    { ...nobodysSocket, ...{ editor: 101, admin: 101, owner: 101 } },
    { when, ids },
  ),
]
