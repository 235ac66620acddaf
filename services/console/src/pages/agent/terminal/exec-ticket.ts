import { type ApiClient, unwrap } from '@nora/client/client'
import { withPasskeyWord } from '../../../passkey-word.ts'

/** A ticket for one connection to a terminal. Where the person has a passkey, the api asks for its word about this agent. */
export function execTicket(api: ApiClient, agentId: string): Promise<string> {
  return withPasskeyWord(api, { action: 'agent:exec', targetId: agentId }, async () => {
    const body = { kind: 'exec', agentId } as const
    return (await unwrap(api.POST('/api/ws-tickets', { body }))).ticket
  })
}
