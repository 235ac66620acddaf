import { providerNamed } from '@nora/contract/provider-catalog'
import type { ProviderKey, ReplaceProviderKey } from '@nora/contract/provider-keys'
import { type Tx, withActor } from '@nora/db/actor'
import { lockWorkspace } from '@nora/db/agents'
import {
  type CredentialRow,
  credentialById,
  holdersOf,
  lockOwnCredential,
  replaceSecret,
  updateCredentialLabels,
} from '@nora/db/credentials'
import { DomainError } from '@nora/domain/errors'
import { ringAll } from '../agents/ring-all.ts'
import { auditAction } from '../agents/write-audit.ts'
import type { Deps } from '../deps.ts'
import type { RequestActor } from '../http/sessions.ts'
import { inUse } from './delete-key.ts'
import { destinationOf } from './destination.ts'
import { keyView } from './key-view.ts'
import { ownKey } from './own-key.ts'
import { checkSecret, sealSecret } from './seal-secret.ts'
import { onlyOurCopy, takeFromAgents } from './take-from-agents.ts'

const maxAttempts = 5

/**
 * Changes an own key: its secret (sealed anew under the next version, bound to its destination), label, sharing. A seal
 * names its version, so when somebody else replaces the secret between reading and writing, it is sealed again.
 * DomainError `not-found`, `bad-request`, `destination-not-allowed`, `provider-key-in-use`.
 */
export async function replaceKey(
  deps: Deps,
  who: RequestActor,
  id: string,
  input: ReplaceProviderKey,
  force: boolean,
): Promise<ProviderKey> {
  if (input.baseUrl !== undefined && input.secret === undefined) {
    throw new DomainError('bad-request', {
      errors: [
        { path: 'body/baseUrl', message: 'needs the secret with it: a seal is bound to its destination' },
      ],
    })
  }
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const current = await withActor(deps.db, who.actor, (tx) => ownKey(tx, who, id))
    const next = await sealNext(deps, current, input)
    const done = await withActor(deps.db, who.actor, (tx) => write(tx, who, current, next, input, force))
    if (!done) continue
    await ringAll(deps, done.operations)
    return done.operations.length > 0 || done.detached ? { ...done.view, notice: onlyOurCopy } : done.view
  }
  throw new DomainError('unavailable', {}, { detail: 'the key is being replaced by others; try again' })
}

async function sealNext(deps: Deps, current: CredentialRow, input: ReplaceProviderKey) {
  if (!input.secret) return undefined
  const provider = providerNamed(current.provider)
  if (!provider) throw new DomainError('provider-unknown')
  const secret = checkSecret(provider, input.secret)
  const destination =
    input.baseUrl === undefined
      ? { baseUrl: current.base_url, destinationHosts: current.destination_hosts }
      : destinationOf(provider, input.baseUrl, deps.config.providerAllowHosts)
  const row = {
    id: current.id,
    workspaceId: current.workspace_id,
    ownerId: current.owner_id,
    provider: current.provider,
    secretVersion: current.secret_version + 1,
    ...destination,
  }
  return { ...row, ...(await sealSecret(deps, provider, secret, { ...row, rowId: row.id })) }
}

/** Undefined: the secret's version has moved on since it was read. */
async function write(
  tx: Tx,
  who: RequestActor,
  current: CredentialRow,
  next: Awaited<ReturnType<typeof sealNext>>,
  input: ReplaceProviderKey,
  force: boolean,
) {
  const { id } = current
  const unshares = input.sharedWithWorkspace === false
  if (unshares) await lockWorkspace(tx, who.workspaceId)
  // Agents before the key, as everywhere.
  const others = unshares ? (await holdersOf(tx, id)).filter((agent) => agent.owner_id !== who.userId) : []
  if (!(await lockOwnCredential(tx, 'llm', id))) throw new DomainError('not-found')
  if (others.length > 0 && !force) throw inUse(others)
  if (next && !(await replaceSecret(tx, next))) return undefined
  const { label, sharedWithWorkspace } = input
  await updateCredentialLabels(tx, id, {
    ...(label !== undefined && { label }),
    ...(sharedWithWorkspace !== undefined && { sharedWithWorkspace }),
  })
  const detached = await takeFromAgents(tx, who, id, others)
  await auditAction(
    tx,
    who,
    'PROVIDER_KEY_CHANGED',
    { kind: 'provider-key', id },
    {
      changed: Object.keys(input).sort(),
      ...(next && { secretVersion: next.secretVersion, destinationHosts: next.destinationHosts }),
      ...(sharedWithWorkspace !== undefined && { sharedWithWorkspace }),
      ...(next?.suite === 0 && { plaintext: true }),
    },
  )
  const view = keyView((await credentialById(tx, 'llm', id))!)
  return { view, operations: detached.map((one) => one.operationId), detached: detached.length > 0 }
}
