import { type Static, Type } from 'typebox'
import { AuditExportQuery, AuditItem, AuditQuery } from './audit.ts'
import { orNull, pageOf, Uuid } from './wire.ts'

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
