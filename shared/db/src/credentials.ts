import { sql } from 'kysely'
import type { SessionActor, Tx } from './actor.ts'
import { afterPlace, decodeCursor, pageText } from './cursor.ts'
import { iso } from './iso-time.ts'
import { openOperations } from './operations.ts'
import type { Read } from './read.ts'
import type { CredentialKind, ExchangePermission } from './schema.ts'
import type { Origin } from './workspaces.ts'

const metadata = [
  'credentials.id',
  'credentials.workspace_id',
  'credentials.owner_id',
  'credentials.kind',
  'credentials.provider',
  'credentials.label',
  'credentials.suite',
  'credentials.key_version',
  'credentials.secret_version',
  'credentials.destination_hosts',
  'credentials.base_url',
  'credentials.fingerprint',
  'credentials.shared_with_workspace',
  'credentials.created_at',
  'credentials.updated_at',
  'credentials.last_used_at',
  'credentials.permission',
  'credentials.wallet_address',
] as const

/** All of a credential that may be shown, and the agents that hold it. The sealed bytes cannot be selected here. */
export type CredentialRow = NonNullable<Awaited<ReturnType<typeof credentialById>>>

const select = (tx: Tx, kind: CredentialKind) =>
  tx
    .selectFrom('credentials')
    .select(metadata)
    .select(
      sql<string[]>`array(select ac.agent_id from agent_credentials ac
        join agents a on a.workspace_id = ac.workspace_id and a.id = ac.agent_id
        where ac.workspace_id = credentials.workspace_id and ac.credential_id = credentials.id
          and a.deleted_at is null order by ac.attached_at, ac.agent_id)`.as('used_by'),
    )
    .where('credentials.kind', '=', kind)
    .where('credentials.workspace_id', '=', sql<string>`(select nora.workspace())`)

/** One credential that the actor may see (own, or shared with the workspace), or undefined. */
export function credentialById(tx: Tx, kind: CredentialKind, id: string) {
  return select(tx, kind).where('credentials.id', '=', id).executeTakeFirst()
}

const columns = `c.id, c.label, c.owner_id as "ownerId", c.fingerprint, c.base_url as "baseUrl", c.destination_hosts as "destinationHosts", c.key_version as "keyVersion", c.secret_version as "secretVersion",
  ${iso('c.created_at')} as "createdAt", ${iso('c.updated_at')} as "updatedAt", ${iso('c.last_used_at')} as "lastUsedAt",
  array(select ac.agent_id from agent_credentials ac join agents a on a.workspace_id = ac.workspace_id and a.id = ac.agent_id
    where ac.workspace_id = c.workspace_id and ac.credential_id = c.id and a.deleted_at is null
    order by ac.attached_at, ac.agent_id) as "usedBy"`
const keyColumns = `${columns}, c.provider, c.shared_with_workspace as "sharedWithWorkspace"`
const exchangeColumns = `${columns}, c.provider as exchange, c.wallet_address as "walletAddress", c.permission`
const keysText = (columns: string, after: string) => {
  const where = `c.kind = $2 and c.workspace_id = (select nora.workspace()) ${after}`
  return pageText({ table: 'credentials', alias: 'c', columns, where })
}
const pagesOf = (name: string, own: string) => ({
  first: { name, text: keysText(own, '') },
  later: { name: `${name}_after`, text: keysText(own, `and ${afterPlace('c', '$3', '$4')}`) },
})
const keyPages = pagesOf('nora_credentials', keyColumns)
const exchangePages = pagesOf('nora_exchange_credentials', exchangeColumns)

/**
 * Credentials that the actor may see, newest first, as the JSON of a page of contract's `ProviderKey` (and `Integration`),
 * or `ExchangeCredential`. Throws DomainError `bad-request` for a foreign cursor.
 */
export function credentialPage(kind: CredentialKind, page: { limit: number; cursor?: string }): Read {
  const values = [String(page.limit), kind]
  const { first, later } = kind === 'exchange' ? exchangePages : keyPages
  if (page.cursor === undefined) return { statement: first, values }
  const { createdUs, id } = decodeCursor(page.cursor)
  return { statement: later, values: [...values, String(createdUs), id] }
}

export type SealedCredential = {
  id: string
  workspaceId: string
  ownerId: string
  kind: CredentialKind
  provider: string
  label: string
  sealed: Buffer
  suite: number
  keyVersion: number
  secretVersion: number
  destinationHosts: string[]
  baseUrl: string | null
  fingerprint: string
  /** Of an exchange credential, from its sealed fields. */
  walletAddress: string | null
  sharedWithWorkspace: boolean
}

type Secret = Omit<SealedCredential, 'kind' | 'label' | 'sharedWithWorkspace'>

/** What changes together: the sealed bytes and all that they were sealed with or say about them. */
const sealedColumns = (row: Secret) => ({
  sealed: row.sealed,
  suite: row.suite,
  key_version: row.keyVersion,
  secret_version: row.secretVersion,
  destination_hosts: row.destinationHosts,
  base_url: row.baseUrl,
  fingerprint: row.fingerprint,
  wallet_address: row.walletAddress,
})

/** Stores a credential sealed for exactly this row. */
export async function insertCredential(tx: Tx, row: SealedCredential): Promise<void> {
  await tx
    .insertInto('credentials')
    .values({
      id: row.id,
      workspace_id: row.workspaceId,
      owner_id: row.ownerId,
      kind: row.kind,
      provider: row.provider,
      label: row.label,
      ...sealedColumns(row),
      shared_with_workspace: row.sharedWithWorkspace,
      permission: row.kind === 'exchange' ? 'read_only' : null,
    })
    .execute()
}

/**
 * Replaces the sealed secret. Only when the row still has the version before `row.secretVersion`: the seal is bound to
 * it. False when it has not (somebody else was faster), or the actor does not own the row.
 */
export async function replaceSecret(tx: Tx, row: Secret): Promise<boolean> {
  const result = await tx
    .updateTable('credentials')
    .set({
      ...sealedColumns(row),
      updated_at: sql<Date>`now()`,
    })
    .where('id', '=', row.id)
    .where('workspace_id', '=', row.workspaceId)
    .where('owner_id', '=', row.ownerId)
    .where('provider', '=', row.provider)
    .where('secret_version', '=', row.secretVersion - 1)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Changes what is not sealed. False when there is no such row of the actor's. */
export async function updateCredentialLabels(
  tx: Tx,
  id: string,
  change: { label?: string; sharedWithWorkspace?: boolean },
): Promise<boolean> {
  const result = await tx
    .updateTable('credentials')
    .set({
      ...(change.label !== undefined && { label: change.label }),
      ...(change.sharedWithWorkspace !== undefined && { shared_with_workspace: change.sharedWithWorkspace }),
      updated_at: sql<Date>`now()`,
    })
    .where('id', '=', id)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/**
 * Changes what agents are told they may do with the actor's own exchange credential, with its audit row. Raises NR404
 * `not-found`; NR403 `forbidden`, and `step-up-required` for `trading_enabled`; NR422 `trading-needs-sealing`.
 */
export async function setPermission(
  tx: Tx,
  session: SessionActor,
  id: string,
  permission: ExchangePermission,
  from: Origin,
): Promise<void> {
  await sql`select nora.set_permission(${session.sessionId}, ${session.secret}, ${id}, ${permission}, ${from.ip}::inet,
    ${from.correlationId})`.execute(tx)
}

/** Locks a row that the actor owns until the transaction ends, so that nobody attaches it meanwhile. */
export async function lockOwnCredential(tx: Tx, kind: CredentialKind, id: string): Promise<boolean> {
  const row = await tx
    .selectFrom('credentials')
    .select('id')
    .where('id', '=', id)
    .where('kind', '=', kind)
    .forUpdate()
    .executeTakeFirst()
  return row !== undefined
}

/** Deletes an own credential; its attachments and key tests go with it. */
export async function deleteCredential(tx: Tx, id: string): Promise<boolean> {
  const result = await tx.deleteFrom('credentials').where('id', '=', id).executeTakeFirst()
  return result.numDeletedRows === 1n
}

/** Of these ids, the credentials the actor may see, with what decides whether an agent may hold them. */
export function visibleCredentials(tx: Tx, ids: readonly string[]) {
  return tx
    .selectFrom('credentials')
    .select(['id', 'owner_id', 'shared_with_workspace', 'kind'])
    .where('id', 'in', ids.length > 0 ? [...ids] : [sql<string>`null`])
    .execute()
}

/** The agents that hold a credential, locked (their open operations first) in the order of their ids. */
export async function holdersOf(tx: Tx, credentialId: string) {
  const held = await tx
    .selectFrom('agent_credentials')
    .select('agent_id')
    .where('credential_id', '=', credentialId)
    .orderBy('agent_id')
    .execute()
  const ids = held.map((row) => row.agent_id)
  await openOperations(tx, ids)
  return tx
    .selectFrom('agents')
    .select(['id', 'name', 'owner_id', 'desired_state'])
    .where('deleted_at', 'is', null)
    .where('id', 'in', ids.length > 0 ? ids : [sql<string>`null`])
    .orderBy('id')
    .forNoKeyUpdate()
    .execute()
}
