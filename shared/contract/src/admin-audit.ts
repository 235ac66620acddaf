import { type Static, Type } from 'typebox'
import { AuditExportQuery, AuditItem, AuditQuery } from './audit.ts'
import { oneOf, orNull, pageOf, Time, Uuid } from './wire.ts'

const strict = { additionalProperties: false } as const
const workspace = Type.Optional({
  ...Uuid,
  description: 'Only what stands in this workspace; default: everything',
})

/** `workspaceId` is null for what concerns no workspace. */
export const AdminAuditItem = Type.Object(
  { ...AuditItem.properties, workspaceId: orNull(Uuid) },
  { ...strict, $id: 'AdminAuditItem' },
)
export const AdminAuditPage = pageOf(AdminAuditItem)
export const AdminAuditQuery = Type.Object(
  { ...AuditQuery.properties, workspace },
  { ...strict, description: 'Newest first.' },
)
export type AdminAuditQuery = Static<typeof AdminAuditQuery>
export const AdminAuditExportQuery = Type.Object(
  { ...AuditExportQuery.properties, workspace },
  { ...strict, description: 'Oldest first. Default: jsonl, brief.' },
)

/** How the audit's chain stands. `behind`: rows wait for longer than they should. `broken`: a worker found that something was changed. */
export const AdminAuditChain = Type.Object(
  {
    state: oneOf(['intact', 'behind', 'broken']),
    position: Type.Integer({ description: 'Of the last entry in the chain' }),
    hash: Type.String({ description: 'Of the chain up to there, in hexadecimal' }),
    chainedAt: orNull(Time),
    waiting: Type.Integer({ description: 'Entries that are not chained yet; 10000 stands for more' }),
    oldestWaitingSeconds: Type.Integer(),
    checkpoint: orNull(
      Type.Object({ position: Type.Integer(), signedAt: Time, keyId: Type.String() }, strict),
    ),
    brokenAt: orNull({ ...Time, description: 'When a worker last found the chain broken' }),
  },
  { ...strict, $id: 'AdminAuditChain' },
)
export type AdminAuditChain = Static<typeof AdminAuditChain>
