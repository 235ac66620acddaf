import { type Static, Type } from 'typebox'
import { oneOf, Time, Uuid } from './wire.ts'

/** Metrics sockets are not served yet, so a ticket for one cannot be had. */
const AgentTicket = Type.Object(
  {
    kind: oneOf(['logs', 'exec'], {
      description:
        '`exec` is a terminal: for who may change the agent and use every key it holds, whose password or passkey was shown within ten minutes, and who, where they have a passkey, has given its word for `agent:exec` on this agent (POST auth/passkeys/actions).',
    }),
    agentId: Uuid,
  },
  { additionalProperties: false },
)
/** For the chosen workspace. */
const EventsTicket = Type.Object({ kind: oneOf(['events']) }, { additionalProperties: false })

export const CreateTicket = Type.Union([AgentTicket, EventsTicket], { $id: 'CreateTicket' })
export type CreateTicket = Static<typeof CreateTicket>

export const Ticket = Type.Object(
  {
    ticket: Type.String({
      description: 'For one connection, as `Sec-WebSocket-Protocol: nora.v1, ticket.<ticket>`',
    }),
    expiresAt: Time,
  },
  { $id: 'Ticket', additionalProperties: false },
)
export type Ticket = Static<typeof Ticket>

/** For `/api/ws/admin`. */
export const CreateAdminTicket = Type.Object(
  { kind: oneOf(['admin']) },
  { $id: 'CreateAdminTicket', additionalProperties: false },
)

/** Why the server closes a stream; 1013 asks the client to come again. */
export const streamClose = {
  ticket: 4401,
  permission: 4403,
  agentGone: 4404,
  idle: 4408,
  takenOver: 4409,
  tooMany: 4429,
  tryAgain: 1013,
} as const

/** The subprotocol every stream speaks. */
export const streamProtocol = 'nora.v1'

/** What a logs stream sends, each as one text frame. */
export type LogsFrame =
  | { type: 'lines'; lines: { seq: number; ts: string; stream: 'stdout' | 'stderr'; text: string }[] }
  | { type: 'gap'; from: number; to: number; reason: string }
  | { type: 'state'; state: string; reason: string }

/** What an exec stream sends as text; what the terminal prints comes as binary frames. */
export type ExecFrame =
  /**
   * The first frame. `id` is for `?session=` of the next socket; what was on the screen follows (the last 64 KiB), so that a
   * client that comes back empties its own first.
   */
  | { type: 'session'; id: string }
  /** The shell has ended, and so has the session; 128 and the number of the signal that ended it. */
  | { type: 'exit'; code: number }

/** What a client of an exec stream may send as text; what is typed goes as binary frames of at most 64 KiB. */
export type ExecRequest = { type: 'resize'; cols: number; rows: number }

/** The words of a close 4404 of an exec stream: a new session may be begun, or the agent does not run. */
export const execGone = { session: 'session-gone', agent: 'agent-not-running' } as const

/**
 * What pages look at again after a `changed`: `agents` is the list, `agent:<id>` one of it (its operations, timeline and state;
 * `agent:*`: so many that they are not named), `me` what `GET auth/me` and the account's own lists show. A topic comes to those who may
 * read what it names; `exchange-credentials` to the owner of the one that changed.
 */
export type EventTopic =
  | 'agents'
  | `agent:${string}`
  | 'provider-keys'
  | 'integrations'
  | 'exchange-credentials'
  | 'members'
  | 'invitations'
  | 'api-keys'
  | 'audit'
  | 'workspace'
  | 'me'

/** The same for the admin app. */
export type AdminTopic = 'users' | 'agents' | 'queue' | 'workers' | 'audit' | 'settings' | 'keys'

/**
 * What an events stream sends, each as one text frame; a client sends nothing. `hello` comes first: from its `cursor` on nothing is
 * missed. `resumed` says that this holds from the `?after=` that was given (a cursor of the last ten minutes); where it is false, look at
 * everything again. The stream of admins has no `?after=`.
 */
export type LiveFrame<Topic extends string = EventTopic> =
  | { type: 'hello'; cursor: string; resumed: boolean }
  | { type: 'changed'; cursor: string; topics: Topic[] }
