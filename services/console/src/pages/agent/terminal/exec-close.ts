import { execGone, streamClose } from '@nora/contract/streams'

/** What a terminal does after its socket was closed. `session`: whether the shell may still be there. */
export type AfterExecClose = { again: boolean; session: boolean; why: string }

const over = (why: string): AfterExecClose => ({ again: false, session: false, why })
const kept = (why: string): AfterExecClose => ({ again: false, session: true, why })

/** By the close code of an exec stream and the word that comes with it (docs/terminals.md). */
export function afterExecClose(code: number, reason: string): AfterExecClose {
  switch (code) {
    case 1000:
      return over('The shell has ended.')
    case streamClose.permission:
      return over(
        'You may not have a terminal here any more: your role, your sign-in or the agent’s keys changed.',
      )
    case streamClose.idle:
      return over('Nobody typed for fifteen minutes, so the shell was ended.')
    case streamClose.takenOver:
      return kept('Another window of yours took this terminal over.')
    case streamClose.tooMany:
      return kept(
        'Two terminals are open in this agent, or you have too many live views open. Close one first.',
      )
    case streamClose.agentGone:
      return over(goneWords(reason))
    case streamClose.ticket:
      return { again: true, session: true, why: 'The server asked for a new ticket.' }
    case streamClose.tryAgain:
      return { again: true, session: true, why: 'The server asked to come again.' }
    case 1008:
    case 1009:
      return over('This page sent something that the server does not take. Reload it.')
    default:
      return { again: true, session: true, why: 'The connection was lost.' }
  }
}

function goneWords(reason: string): string {
  switch (reason) {
    case execGone.session:
      return 'That shell has ended meanwhile.'
    case execGone.agent:
      return 'The agent does not run, so there is nothing to open a terminal in.'
    case 'no-shell':
      return 'The agent’s image has no shell.'
    default:
      return 'The agent is not there any more.'
  }
}
