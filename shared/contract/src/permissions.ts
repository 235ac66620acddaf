import type { ApiKeyScope } from './api-keys.ts'

/** What a caller may do inside one workspace. Every route names one of these, or one of the few special accesses. */
export type Permission =
  | 'workspace:read'
  | 'workspace:update'
  | 'workspace:delete'
  | 'member:read'
  | 'member:manage'
  | 'invitation:manage'
  | 'api-key:manage'
  | 'agent:read'
  | 'agent:create'
  | 'agent:update'
  | 'agent:operate'
  | 'agent:delete'
  | 'agent:invoke'
  | 'agent:exec'
  | 'logs:read'
  | 'key:read'
  | 'key:write'
  | 'key:sync'
  | 'audit:read'

/** Of a route for programs: a workspace API key with this scope, or (`hub`) any live one. No session enters there. */
export type HubAccess = 'hub' | `hub:${ApiKeyScope}`

/**
 * `public`: no session is looked at. `session`: any signed-in person, whatever the workspace. `platform-admin`: who runs
 * the whole server, in a session of the admin app, which opens nothing else.
 */
export type Access = Permission | 'public' | 'session' | 'platform-admin' | HubAccess
