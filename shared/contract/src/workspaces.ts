import { type Static, Type } from 'typebox'
import { Email, WorkspaceRoleName } from './auth.ts'
import { lineOfText, oneOf, orNull, PageQuery, pageOf, Time, Uuid } from './wire.ts'

const strict = { additionalProperties: false } as const

/** A workspace as one of its members sees it; `role` is that member's, `personal` says that it is that member's own. */
export const Workspace = Type.Object(
  {
    id: Uuid,
    name: Type.String(),
    role: WorkspaceRoleName,
    personal: Type.Boolean(),
    deleting: Type.Boolean({ description: 'It goes when its agents are gone' }),
    createdAt: Time,
  },
  { ...strict, $id: 'Workspace' },
)
export type Workspace = Static<typeof Workspace>

/** Of a new workspace, or its new name. */
export const WorkspaceName = Type.Object({ name: lineOfText(100) }, strict)
export type WorkspaceName = Static<typeof WorkspaceName>

export const DeleteWorkspaceQuery = Type.Object(
  {
    force: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'Delete the agents and keys in it too. Without it the answer says what they are.',
      }),
    ),
  },
  strict,
)

/** Its agents are being deleted, each by its operation; the workspace goes with the last of them. */
export const WorkspaceEnding = Type.Object(
  {
    status: oneOf(['deleting']),
    agents: Type.Array(Type.Object({ id: Uuid, name: Type.String(), operationId: orNull(Uuid) }, strict)),
    keyCount: Type.Integer(),
  },
  { ...strict, $id: 'WorkspaceEnding' },
)
export type WorkspaceEnding = Static<typeof WorkspaceEnding>

export const Member = Type.Object(
  {
    userId: Uuid,
    email: Type.String(),
    name: Type.String(),
    role: WorkspaceRoleName,
    joinedAt: Time,
  },
  { ...strict, $id: 'Member' },
)
export type Member = Static<typeof Member>
export const MemberPage = pageOf(Member)
export const PeopleQuery = Type.Object(PageQuery, strict)

export const UpdateMember = Type.Object(
  {
    role: WorkspaceRoleName,
    transfer: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          'With role `owner`: hand ownership over. The caller becomes an admin in the same moment.',
      }),
    ),
  },
  strict,
)
export type UpdateMember = Static<typeof UpdateMember>

/** A removed member's keys are taken from the workspace's agents: from these, by these operations. */
export const RemovedMember = Type.Object(
  {
    detachedFrom: Type.Array(Type.Object({ agentId: Uuid, operationId: orNull(Uuid) }, strict)),
    notice: Type.String(),
  },
  { ...strict, $id: 'RemovedMember' },
)
export type RemovedMember = Static<typeof RemovedMember>

export const CreateInvitation = Type.Object({ email: Email, role: WorkspaceRoleName }, strict)
export type CreateInvitation = Static<typeof CreateInvitation>

const invitation = {
  id: Uuid,
  email: Type.String(),
  role: WorkspaceRoleName,
  invitedBy: Uuid,
  createdAt: Time,
  expiresAt: Time,
}
export const Invitation = Type.Object(invitation, { ...strict, $id: 'Invitation' })
export type Invitation = Static<typeof Invitation>
export const InvitationPage = pageOf(Invitation)

/** `token` is shown here and never again: hand it to the person whose address it was made for. */
export const NewInvitation = Type.Object(
  { ...invitation, token: Type.String() },
  { ...strict, $id: 'NewInvitation' },
)

export const AcceptInvitation = Type.Object({ token: Type.String({ minLength: 1, maxLength: 200 }) }, strict)
