import type { HubMe } from '@nora/contract/agent-hub'
import { hubKeyPrefix } from '@nora/crypto/hub-keys'
import { withActor } from '@nora/db/actor'
import { apiKeyById } from '@nora/db/api-keys'
import { DomainError } from '@nora/domain/errors'
import { effectiveScopes } from '@nora/domain/scopes'
import type { Deps } from '../deps.ts'
import type { Caller } from '../http/caller.ts'

/** What a program's key is and may do now. */
export async function hubMe(deps: Deps, { actor, apiKeyId }: Caller): Promise<HubMe> {
  const { row, role } = await withActor(deps.db, actor, async (tx, entered) => ({
    role: entered.role,
    row: await apiKeyById(tx, apiKeyId!),
  }))
  if (!row) throw new DomainError('api-key-invalid')
  const { max, windowMs } = deps.config.rateLimits.hub
  return {
    id: row.id,
    name: row.name,
    prefix: hubKeyPrefix(row.public_id),
    workspaceId: row.workspace_id,
    createdBy: row.created_by,
    scopes: effectiveScopes(role, row.scopes),
    grantedScopes: row.scopes,
    allowedCidrs: row.allowed_cidrs,
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
    limits: { calls: max, seconds: windowMs / 1000 },
  }
}
