import { streamClose } from '@nora/contract/streams'

/** What a page does after its stream was closed, and what people are told. */
export type AfterClose = { again: boolean; why: string }

/** By the close code of a stream (RFC 6455 section 7.4, and the contract's own). */
export function afterClose(code: number): AfterClose {
  switch (code) {
    case streamClose.permission:
      return { again: false, why: 'You may not see this any more. Your role changed, or you signed out.' }
    case streamClose.agentGone:
      return { again: false, why: 'The agent was deleted.' }
    case streamClose.takenOver:
      return { again: false, why: 'This was opened somewhere else.' }
    case streamClose.tooMany:
      return { again: false, why: 'You have too many live views open. Close another one, then try again.' }
    case streamClose.ticket:
      return { again: true, why: 'The server asked for a new ticket.' }
    case streamClose.tryAgain:
      return { again: true, why: 'The server asked to come again.' }
    case streamClose.idle:
      return { again: true, why: 'Nothing was heard of this page for a while.' }
    default:
      return { again: true, why: 'The connection was lost.' }
  }
}
