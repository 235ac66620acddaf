import type { execGone, streamClose } from '@nora/contract/streams'

// Written again, held to the contract by its types alone: that file would load what describes bodies, which no worker needs.

/** The codes with which a terminal's socket is closed: those of every stream, and the protocol's own. */
export const execClose = {
  ticket: 4401,
  permission: 4403,
  agentGone: 4404,
  idle: 4408,
  takenOver: 4409,
  tooMany: 4429,
  tryAgain: 1013,
  /** By the server: the shell has ended. By the client: it is done, the session ends. */
  done: 1000,
  /** A text frame that is none of ours (RFC 6455 7.4.1, policy violation). */
  unknown: 1008,
} as const satisfies typeof streamClose & Record<string, number>

/** The words of a close 4404. */
export const goneWord: typeof execGone = { session: 'session-gone', agent: 'agent-not-running' }
