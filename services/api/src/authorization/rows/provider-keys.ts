import { from } from '../cells.ts'
import { type Row, route } from '../row.ts'
import { sharedCredentialRows } from './shared-credentials.ts'

const openai = { provider: 'openai', label: 'mine', secret: { apiKey: 'sk-of-the-authorization-test-0001' } }

export const providerKeyRows: Row[] = [
  ...sharedCredentialRows('llm-providers', openai, {
    shared: 'key',
    hidden: 'hiddenKey',
    own: 'ownKey',
    operation: 'keyOperation',
  }),
  route('POST /api/llm-providers/sync', from('editor', 202), {
    body: async (world, caller) => ({ agentId: await world.id('agent', caller) }),
  }),
]
