import { type Static, Type } from 'typebox'
import { oneOf, Time, Uuid } from './wire.ts'

/** Terminal and metrics sockets are not served yet, so a ticket for one cannot be had. */
export const CreateTicket = Type.Object(
  { kind: oneOf(['logs']), agentId: Uuid },
  { $id: 'CreateTicket', additionalProperties: false },
)
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
