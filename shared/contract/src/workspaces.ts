import { Type } from 'typebox'
import { WorkspaceRoleName } from './auth.ts'
import { Time, Uuid } from './wire.ts'

/** A workspace as one of its members sees it; `role` is that member's. */
export const Workspace = Type.Object(
  { id: Uuid, name: Type.String(), role: WorkspaceRoleName, personal: Type.Boolean(), createdAt: Time },
  { additionalProperties: false },
)
