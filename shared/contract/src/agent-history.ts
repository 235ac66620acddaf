import { type Static, Type } from 'typebox'
import { oneOf, orNull, pageOf, Time } from './wire.ts'

export const AgentEvent = Type.Object(
  {
    seq: Type.Integer(),
    ts: Time,
    type: Type.String(),
    data: Type.Record(Type.String(), Type.Unknown()),
  },
  { $id: 'AgentEvent', additionalProperties: false },
)
export type AgentEvent = Static<typeof AgentEvent>

const Seq = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })

/** `nextCursor` is the next `after` (or `before`, where that was asked for); null when nothing more is stored there. */
export const AgentEventPage = pageOf(AgentEvent)
export type AgentEventPage = Static<typeof AgentEventPage>
export const AgentEventQuery = Type.Object(
  {
    after: Type.Optional(Seq),
    before: Type.Optional({
      ...Seq,
      description: 'The newest ones below it, in order of `seq`; with `after`, none up to that.',
    }),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50 })),
  },
  { additionalProperties: false },
)
export type AgentEventQuery = Static<typeof AgentEventQuery>

/** A line the agent printed, or (with `gap` and without `stream` and `text`) a place where lines are missing. */
export const LogLine = Type.Object(
  {
    seq: Type.Integer(),
    ts: Type.String({ description: 'RFC 3339 with the precision the engine gave' }),
    generation: Type.Integer(),
    stream: Type.Optional(oneOf(['stdout', 'stderr'])),
    text: Type.Optional(Type.String()),
    gap: Type.Optional(
      Type.Object(
        { from: Type.Unknown(), to: Type.Unknown(), reason: Type.String() },
        { additionalProperties: false },
      ),
    ),
  },
  { $id: 'LogLine', additionalProperties: false },
)
export type LogLine = Static<typeof LogLine>

export const LogPage = Type.Object(
  {
    items: Type.Array(LogLine),
    nextCursor: orNull(
      Type.String({
        description:
          'Where to go on: the next `after` of a request with `after`, else the next `before`. Null: there is nothing more there now. A page of long lines ends early; a search may give few items, or none, and still have a cursor.',
      }),
    ),
  },
  { $id: 'LogPage', additionalProperties: false },
)
export type LogPage = Static<typeof LogPage>

export const LogQuery = Type.Object(
  {
    after: Type.Optional(Seq),
    before: Type.Optional(Seq),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 200 })),
    q: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'Part of a line, any case' })),
    generation: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647 })),
  },
  {
    additionalProperties: false,
    description: 'Without `after`: the newest lines (before `before`). Items are in order of `seq` always.',
  },
)
export type LogQuery = Static<typeof LogQuery>
