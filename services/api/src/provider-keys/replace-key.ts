import type { Secret } from '@nora/contract/provider-keys'
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
import type { Family } from './family.ts'
import { ownKey } from './own-key.ts'
import { checkSecret, sealSecret } from './seal-secret.ts'
import { queueSyncs } from './sync-holders.ts'
import { onlyOurCopy, takeFromAgents } from './take-from-agents.ts'

const maxAttempts = 5

export type KeyChange = {
  secret?: Secret
  label?: string
  baseUrl?: string
  sharedWithWorkspace?: boolean
}

/**
 * Changes an own key: its secret (sealed anew under the next version, bound to its destination), label, sharing. A seal
 * names its version, so when somebody else replaces the secret between reading and writing, it is sealed again. Agents that
 * may trade with the old secret are told at once that they may not with the new one.
 * DomainError `not-found`, `bad-request`, `destination-not-allowed`, `provider-key-in-use`.
 */
export async function replaceKey<View extends { notice?: string }>(
  deps: Deps,
  who: RequestActor,
  family: Family<View>,
  id: string,
  input: KeyChange,
  force: boolean,
): Promise<View> {
  if (input.baseUrl !== undefined && input.secret === undefined) throw needsSecret('baseUrl')
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const current = await withActor(deps.db, who.actor, (tx) => ownKey(tx, family, who, id))
    const next = await sealNext(deps, family, current, input)
    const done = await withActor(deps.db, who.actor, (tx) =>
      write(tx, who, family, { current, next, input, force }),
    )
    if (!done) continue
    await ringAll(deps, done.operations)
    return done.detached ? { ...done.view, notice: onlyOurCopy } : done.view
  }
  throw new DomainError('unavailable', {}, { detail: 'the key is being replaced by others; try again' })
}

/** What is sealed with the secret cannot change without it. */
export const needsSecret = (field: string) =>
  new DomainError('bad-request', {
    errors: [
      { path: `body/${field}`, message: 'needs the secret with it: a seal is bound to its destination' },
    ],
  })

async function sealNext(deps: Deps, family: Family, current: CredentialRow, input: KeyChange) {
  if (!input.secret) return undefined
  const type = family.typeNamed(current.provider)
  if (!type) throw new DomainError('provider-unknown')
  const secret = checkSecret(type, input.secret)
  const keeps = input.baseUrl === undefined && type.addressField === undefined
  const destination = keeps
    ? { baseUrl: current.base_url, destinationHosts: current.destination_hosts }
    : destinationOf(type, input.baseUrl, secret, deps.config.providerAllowHosts)
  const row = {
    id: current.id,
    workspaceId: current.workspace_id,
    ownerId: current.owner_id,
    kind: family.kind,
    provider: current.provider,
    secretVersion: current.secret_version + 1,
    walletAddress: secret['walletAddress'] ?? null,
    ...destination,
  }
  return { ...row, ...(await sealSecret(deps, type, secret, { ...row, rowId: row.id })) }
}

type Change = {
  current: CredentialRow
  next: Awaited<ReturnType<typeof sealNext>>
  input: KeyChange
  force: boolean
}

/** Undefined: the secret's version has moved on since it was read. */
async function write<View>(
  tx: Tx,
  who: RequestActor,
  family: Family<View>,
  { current, next, input, force }: Change,
) {
  const { id } = current
  const unshares = input.sharedWithWorkspace === false
  const mayTrade = family.kind === 'exchange' && next !== undefined
  if (unshares || mayTrade) await lockWorkspace(tx, who.workspaceId)
  // Agents before the key, as everywhere.
  const holders = unshares || mayTrade ? await holdersOf(tx, id) : []
  const others = unshares ? holders.filter((agent) => agent.owner_id !== who.userId) : []
  if (!(await lockOwnCredential(tx, family.kind, id))) throw new DomainError('not-found')
  if (others.length > 0 && !force) throw inUse(family, others)
  const before = mayTrade ? await credentialById(tx, family.kind, id) : undefined
  if (next && !(await replaceSecret(tx, next))) return undefined
  const { label, sharedWithWorkspace } = input
  await updateCredentialLabels(tx, id, {
    ...(label !== undefined && { label }),
    ...(sharedWithWorkspace !== undefined && { sharedWithWorkspace }),
  })
  const detached = await takeFromAgents(tx, who, id, others)
  const details = {
    ...(next && { destinationHosts: next.destinationHosts }),
    ...(sharedWithWorkspace !== undefined && { sharedWithWorkspace }),
  }
  await auditAction(
    tx,
    who,
    `${family.event}_CHANGED`,
    { kind: family.target, id },
    {
      changed: Object.keys(input).sort(),
      ...(next && { secretVersion: next.secretVersion }),
      ...(!family.discreet && details),
      ...(next?.suite === 0 && { plaintext: true }),
    },
  )
  const told = before?.permission === 'trading_enabled' ? await tellReset(tx, who, family, id, holders) : []
  const view = family.view((await credentialById(tx, family.kind, id))!)
  const operations = [...detached.map((one) => one.operationId), ...told]
  return { view, operations, detached: detached.length > 0 }
}

/** Postgres has taken the permission back with the secret that it was given for. */
async function tellReset(
  tx: Tx,
  who: RequestActor,
  family: Pick<Family, 'target'>,
  id: string,
  holders: Awaited<ReturnType<typeof holdersOf>>,
): Promise<(string | null)[]> {
  const details = { from: 'trading_enabled', to: 'read_only', because: 'the secret was replaced' }
  await auditAction(tx, who, 'PERMISSION_CHANGED', { kind: family.target, id }, details)
  return queueSyncs(tx, who, holders)
}
