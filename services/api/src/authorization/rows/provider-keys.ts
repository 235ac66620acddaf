import { from, fromAtHome, signedIn } from '../cells.ts'
import { type Row, route } from '../row.ts'

const secret = { apiKey: 'sk-of-the-authorization-test-0001' }
const others = 'shared by somebody else'
const own = 'an own one'

export const providerKeyRows: Row[] = [
  route('GET /api/llm-providers/catalog', signedIn(200)),
  route('POST /api/llm-providers', fromAtHome('editor', 201), {
    body: { provider: 'openai', label: 'mine', secret },
  }),
  route('GET /api/llm-providers', fromAtHome('viewer', 200)),
  route('GET /api/llm-providers/:id', from('viewer', 200), { when: others, ids: { id: 'key' } }),
  route('GET /api/llm-providers/:id', from('viewer', '404 not-found'), {
    when: 'somebody else’s, not shared',
    ids: { id: 'hiddenKey' },
  }),
  route('PUT /api/llm-providers/:id', from('editor', 200), {
    when: own,
    ids: { id: 'ownKey' },
    body: { secret },
  }),
  route('PUT /api/llm-providers/:id', from('editor', '403 forbidden'), {
    when: others,
    ids: { id: 'key' },
    body: { secret },
  }),
  route('PATCH /api/llm-providers/:id', from('editor', 200), {
    when: own,
    ids: { id: 'ownKey' },
    body: { label: 'renamed' },
  }),
  route('PATCH /api/llm-providers/:id', from('editor', '403 forbidden'), {
    when: others,
    ids: { id: 'key' },
    body: { label: 'renamed' },
  }),
  route('DELETE /api/llm-providers/:id', from('editor', 204), { when: own, ids: { id: 'ownKey' } }),
  route('DELETE /api/llm-providers/:id', from('editor', '403 forbidden'), {
    when: others,
    ids: { id: 'key' },
  }),
  route('POST /api/llm-providers/:id/test', from('editor', 202), { ids: { id: 'key' } }),
  route('GET /api/llm-providers/:id/operations/:opId', from('viewer', 200), {
    ids: { id: 'key', opId: 'keyOperation' },
  }),
  route('POST /api/llm-providers/sync', from('editor', 202), {
    body: async (world, caller) => ({ agentId: await world.id('agent', caller) }),
  }),
]
