import { type Static, Type } from 'typebox'
import { WorkspaceRoleName } from './auth.ts'
import { lineOfText, oneOf, orNull, PageQuery, pageOf, Time, Uuid } from './wire.ts'

const strict = { additionalProperties: false } as const
const PlatformRole = oneOf(['user', 'admin'])

const person = {
  id: Uuid,
  email: Type.String(),
  name: Type.String(),
  platformRole: PlatformRole,
  disabledAt: orNull(Time),
  createdAt: Time,
  lastSeenAt: orNull(Time),
}

export const AdminUser = Type.Object(person, { ...strict, $id: 'AdminUser' })
export type AdminUser = Static<typeof AdminUser>

/** `lastSeenAt` is that of a session that has not been ended. `sessions` counts those that live, `adminSessions` those of the admin app. */
export const AdminUserDetail = Type.Object(
  {
    ...person,
    agents: Type.Integer({ description: 'That they own and that are not deleted' }),
    sessions: Type.Integer(),
    adminSessions: Type.Integer(),
    memberships: Type.Array(
      Type.Object(
        {
          workspaceId: Uuid,
          workspaceName: Type.String(),
          personal: Type.Boolean({ description: 'It is their personal workspace' }),
          role: WorkspaceRoleName,
          since: Time,
        },
        strict,
      ),
      { description: 'At most 200, the newest first' },
    ),
  },
  { ...strict, $id: 'AdminUserDetail' },
)
export type AdminUserDetail = Static<typeof AdminUserDetail>

export const AdminUserPage = pageOf(AdminUser)
export const AdminUserQuery = Type.Object(
  {
    ...PageQuery,
    cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 1500 })),
    q: Type.Optional({ ...lineOfText(254), description: 'The beginning of an e-mail address, in any case' }),
    role: Type.Optional(PlatformRole),
    disabled: Type.Optional(Type.Boolean()),
  },
  { ...strict, description: 'In the order of e-mail addresses.' },
)
export type AdminUserQuery = Static<typeof AdminUserQuery>

export const ChangeUser = Type.Object(
  {
    disabled: Type.Optional(Type.Boolean({ description: '`true` also ends every session of theirs' })),
    platformRole: Type.Optional(PlatformRole),
  },
  { ...strict, minProperties: 1 },
)
export type ChangeUser = Static<typeof ChangeUser>

export const SignedOutUser = Type.Object(
  { sessionsRevoked: Type.Integer() },
  { ...strict, $id: 'SignedOutUser' },
)
