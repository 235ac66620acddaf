import { type Static, Type } from 'typebox'
import { oneOf, orNull, PageQuery, Time, Uuid } from './wire.ts'

const QueueStatus = oneOf(['queued', 'running', 'failed'])

/** One operation as a platform admin sees it: ids, and what workers wrote (an image may be named there), never what a program printed. */
export const QueuedOperation = Type.Object(
  {
    id: Uuid,
    workspaceId: Uuid,
    agentId: orNull(Uuid),
    providerKeyId: orNull(Uuid),
    kind: Type.String(),
    status: QueueStatus,
    step: orNull(Type.String()),
    attempt: Type.Integer(),
    worker: orNull(Type.String()),
    ageSeconds: Type.Integer({ description: 'Since it was asked for' }),
    notBefore: Time,
    deadlineAt: { ...Time, description: 'Moved on when a worker takes what lay waiting for one' },
    createdAt: Time,
    finishedAt: orNull(Time),
    behind: orNull(Uuid),
    why: Type.String({ description: 'Why it waits, what works on it, or how it failed, for people' }),
  },
  { $id: 'QueuedOperation', additionalProperties: false },
)
export type QueuedOperation = Static<typeof QueuedOperation>

export const AdminQueue = Type.Object(
  {
    workers: Type.Integer({ description: 'Workers that were heard of in the last 15 s' }),
    depth: Type.Array(
      Type.Object(
        {
          status: QueueStatus,
          kind: Type.String(),
          count: Type.Integer(),
          oldestSeconds: Type.Integer({ description: 'Age of the one that was asked for first' }),
        },
        { additionalProperties: false },
      ),
    ),
    items: Type.Array(QueuedOperation),
    nextCursor: orNull(Type.String()),
  },
  {
    $id: 'AdminQueue',
    additionalProperties: false,
    description: 'What is open, and what failed in the last 24 h; newest first',
  },
)
export type AdminQueue = Static<typeof AdminQueue>

export const AdminQueueQuery = Type.Object(
  {
    ...PageQuery,
    cursor: Type.Optional(
      Type.String({ pattern: '^[1-9][0-9]{0,14}$', description: '`nextCursor` of the page before' }),
    ),
    status: Type.Optional(oneOf(['open', 'failed'])),
  },
  { additionalProperties: false },
)

/** The operation that tries again: the same one, or a new look at its agent. */
export const AdminRetried = Type.Object(
  { operationId: Uuid },
  { $id: 'AdminRetried', additionalProperties: false },
)

/** Of an operation that a worker has begun, the worker undoes it next. */
export const AdminCancelled = Type.Object(
  { operationId: Uuid },
  { $id: 'AdminCancelled', additionalProperties: false },
)
