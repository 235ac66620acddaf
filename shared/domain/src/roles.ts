import type { Permission } from '@nora/contract/permissions'

export type Role = 'viewer' | 'editor' | 'admin' | 'owner'

/** From the least to the highest. */
export const roles: readonly Role[] = ['viewer', 'editor', 'admin', 'owner']
const rank: Record<Role, number> = { viewer: 0, editor: 1, admin: 2, owner: 3 }

/** The least role in a workspace that a permission asks for. */
const least: Record<Permission, Role> = {
  'workspace:read': 'viewer',
  'workspace:update': 'admin',
  'workspace:delete': 'owner',
  'member:read': 'viewer',
  'member:manage': 'admin',
  'invitation:manage': 'admin',
  'api-key:manage': 'admin',
  'agent:read': 'viewer',
  'agent:create': 'editor',
  'agent:update': 'editor',
  'agent:operate': 'editor',
  'agent:delete': 'editor',
  'agent:invoke': 'editor',
  'agent:exec': 'editor',
  'logs:read': 'viewer',
  'key:read': 'viewer',
  'key:write': 'editor',
  'key:sync': 'editor',
  'audit:read': 'admin',
}

/** Whether somebody with `role` in a workspace may do what `permission` names. */
export function allows(role: Role, permission: Permission): boolean {
  return rank[role] >= rank[least[permission]]
}

/** Whether `role` is `other` or below it: only such a one does somebody who is `other` change, or give. */
export const atMost = (role: Role, other: Role): boolean => rank[role] <= rank[other]

/** The roles that somebody who has `role` may give. */
export const rolesUpTo = (role: Role): Role[] => roles.filter((one) => atMost(one, role))
