import { type Static, Type } from 'typebox'
import { oneOf, orNull, Time, Uuid } from './wire.ts'

const OperationError = orNull(
  Type.Object({ code: Type.String(), message: Type.String() }, { additionalProperties: true }),
)

const summary = {
  id: Uuid,
  kind: Type.String(),
  status: oneOf(['queued', 'running', 'succeeded', 'failed', 'cancelled']),
  step: orNull(Type.String()),
  reason: Type.String({ description: 'What it waits for, or how it ended, for people' }),
  createdAt: Time,
  finishedAt: orNull(Time),
  error: OperationError,
}

/** The part of an operation that stands inside its agent. */
export const OperationSummary = Type.Object(summary, { additionalProperties: false })
export type OperationSummary = Static<typeof OperationSummary>

export const Operation = Type.Object(
  {
    ...summary,
    agentId: orNull(Uuid),
    providerKeyId: orNull(Uuid),
    requestedBy: orNull(Uuid),
    requestedByKey: orNull({
      ...Uuid,
      description: 'The workspace API key with which a program asked for it',
    }),
    attempt: Type.Integer({ description: 'How many workers have begun it' }),
    stepAt: orNull(Time),
    startedAt: orNull(Time),
    deadlineAt: { ...Time, description: 'Moved on when a worker takes what lay waiting for one' },
    cancelRequestedAt: orNull(Time),
    result: Type.Unsafe<Record<string, unknown> | null>({
      type: ['object', 'null'],
      additionalProperties: true,
      description: 'For `test-key`: `{"outcome":"works"|"refused",...}`',
    }),
  },
  { $id: 'Operation', additionalProperties: false },
)
export type Operation = Static<typeof Operation>
