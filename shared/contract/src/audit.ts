import { type Static, Type } from 'typebox'
import { lineOfText, oneOf, orNull, PageQuery, pageOf, Time, Uuid } from './wire.ts'

const filters = {
  workspace: Type.Optional(
    Type.String({ maxLength: 64, description: 'Its id; default: X-Nora-Workspace, else the personal one' }),
  ),
  type: Type.Optional(
    Type.String({ pattern: '^[A-Z][A-Z0-9_]{2,63}$', description: 'An event type, such as KEY_SYNCED' }),
  ),
  actor: Type.Optional({
    ...lineOfText(200),
    description: 'A `userId` as the items have it: an id, or `system`',
  }),
  from: Type.Optional({ ...Time, maxLength: 40, description: 'At this moment or later' }),
  to: Type.Optional({ ...Time, maxLength: 40, description: 'Before this moment' }),
}

const Named = Type.Object({ kind: Type.String(), id: orNull(Type.String()) }, { additionalProperties: false })

/** `userId` is a person's id (of a program's act, whose `actor` is an `api_key`: who made the key), `system` for what Nora did by itself, `anonymous` where nobody was signed in. */
export const AuditItem = Type.Object(
  {
    id: Uuid,
    timestamp: Type.String({ description: 'RFC 3339 in UTC, with microseconds' }),
    eventType: Type.String(),
    userId: Type.String(),
    actor: Named,
    target: Named,
    ip: orNull(Type.String()),
    correlationId: orNull(Type.String()),
    details: Type.Record(Type.String(), Type.Unknown()),
  },
  { $id: 'AuditItem', additionalProperties: false },
)
export type AuditItem = Static<typeof AuditItem>

export const AuditPage = pageOf(AuditItem)
export const AuditQuery = Type.Object(
  { ...PageQuery, ...filters },
  { additionalProperties: false, description: 'Newest first.' },
)
export type AuditQuery = Static<typeof AuditQuery>

export const AuditExportQuery = Type.Object(
  {
    ...filters,
    format: Type.Optional(oneOf(['jsonl', 'csv'])),
    shape: Type.Optional({
      ...oneOf(['brief', 'full']),
      description: '`brief`: timestamp, event_type, user_id, details. `full`: all there is of a row.',
    }),
  },
  { additionalProperties: false, description: 'Oldest first. Default: jsonl, brief.' },
)
export type AuditExportQuery = Static<typeof AuditExportQuery>
