import type { ApiKeyScope } from '@nora/contract/api-keys'
import type { Permission } from '@nora/contract/permissions'
import { allows, type Role } from './roles.ts'

/** What a scope lets a program do, as permissions that its key's creator must have, too. */
const needs: Record<ApiKeyScope, readonly Permission[]> = {
  'agents:read': ['agent:read'],
  'agents:write': ['agent:create', 'agent:operate', 'agent:delete'],
  'agents:invoke': ['agent:invoke'],
  'keys:sync': ['key:sync'],
  'logs:read': ['logs:read'],
  'metrics:read': ['agent:read'],
  'catalog:read': ['workspace:read'],
  'catalog:submit': ['agent:create'],
}

/** Of a key's scopes, those that its creator's role in the workspace covers now. */
export function effectiveScopes(role: Role, scopes: readonly ApiKeyScope[]): ApiKeyScope[] {
  return scopes.filter((scope) => needs[scope].every((permission) => allows(role, permission)))
}

/** Whether a key with these scopes, made by somebody with this role now, may do what `permission` names. */
export function keyAllows(role: Role, scopes: readonly ApiKeyScope[], permission: Permission): boolean {
  return effectiveScopes(role, scopes).some((scope) => needs[scope].includes(permission))
}
