import { sql } from 'kysely'
import type { Tx } from './actor.ts'
import type { CredentialKind, ExchangePermission } from './schema.ts'

// What a worker reads and writes of credentials, always in an operation's (or, to scrub logs, a follower's) context.

/** A sealed record with the columns that its additional data is made of. */
export type SealedRow = {
  id: string
  workspaceId: string
  ownerId: string
  kind: CredentialKind
  provider: string
  label: string
  baseUrl: string | null
  destinationHosts: string[]
  keyVersion: number
  secretVersion: number
  suite: number
  sealed: Buffer
  /** Of an exchange credential; not part of the seal, because nobody who changes it has the secret. */
  permission: ExchangePermission | null
}

/** Null: the key is attached, but the policies do not let this agent have it (any more). */
export type AttachedKey = { credentialId: string; row: SealedRow | null }

const columns = [
  'credentials.id',
  'credentials.workspace_id as workspaceId',
  'credentials.owner_id as ownerId',
  'credentials.kind',
  'credentials.provider',
  'credentials.label',
  'credentials.base_url as baseUrl',
  'credentials.destination_hosts as destinationHosts',
  'credentials.key_version as keyVersion',
  'credentials.secret_version as secretVersion',
  'credentials.suite',
  'credentials.sealed',
  'credentials.permission',
] as const

/** The keys attached to the operation's agent, in the order they were attached. */
export async function attachedSecrets(tx: Tx, agentId: string): Promise<AttachedKey[]> {
  const attached = await tx
    .selectFrom('agent_credentials')
    .select('credential_id')
    .where('agent_id', '=', agentId)
    .orderBy('attached_at')
    .orderBy('credential_id')
    .execute()
  if (attached.length === 0) return []
  const ids = attached.map((one) => one.credential_id)
  const rows = await tx.selectFrom('credentials').select(columns).where('id', 'in', ids).execute()
  const byId = new Map(rows.map((row) => [row.id, row]))
  return ids.map((credentialId) => ({ credentialId, row: byId.get(credentialId) ?? null }))
}

/** The credential that the operation is about (a key test); undefined when it is gone. */
export async function credentialOfOperation(tx: Tx, credentialId: string): Promise<SealedRow | undefined> {
  return tx.selectFrom('credentials').select(columns).where('id', '=', credentialId).executeTakeFirst()
}

/** Notes what an agent is about to be given. Before it is written where the agent can read it, never after. */
export async function noteGiven(tx: Tx, agentId: string, rows: readonly SealedRow[]): Promise<void> {
  if (rows.length === 0) return
  await tx
    .insertInto('given_secrets')
    .values(
      rows.map((row) => ({
        workspace_id: row.workspaceId,
        agent_id: agentId,
        credential_id: row.id,
        secret_version: row.secretVersion,
        owner_id: row.ownerId,
        kind: row.kind,
        provider: row.provider,
        destination_hosts: row.destinationHosts,
        key_version: row.keyVersion,
        sealed: row.sealed,
      })),
    )
    .onConflict((conflict) =>
      conflict
        .columns(['workspace_id', 'agent_id', 'credential_id', 'secret_version'])
        .doUpdateSet({ superseded_at: null }),
    )
    .execute()
}

/** A record that an agent was given, and `seq`, which grows with each new one. */
export type GivenSecret = Omit<SealedRow, 'label' | 'baseUrl' | 'suite' | 'permission'> & { seq: number }

/** Everything the agent was given and may still print. */
export function givenSecrets(tx: Tx, agentId: string): Promise<GivenSecret[]> {
  return tx
    .selectFrom('given_secrets')
    .select([
      'credential_id as id',
      'workspace_id as workspaceId',
      'owner_id as ownerId',
      'kind',
      'provider',
      'destination_hosts as destinationHosts',
      'key_version as keyVersion',
      'secret_version as secretVersion',
      'sealed',
      'seq',
    ])
    .where('agent_id', '=', agentId)
    .orderBy('seq')
    .execute()
}

export type Delivered = { credentialId: string; secretVersion: number }

/** Records a delivery: which version of which key the agent has now, and the number of the delivery. */
export async function recordDelivery(
  tx: Tx,
  agentId: string,
  keysVersion: number,
  delivered: readonly Delivered[],
): Promise<void> {
  await tx
    .updateTable('agents')
    .set({ keys_version: keysVersion, updated_at: sql<Date>`now()` })
    .where('id', '=', agentId)
    .execute()
  for (const { credentialId, secretVersion } of delivered) {
    await tx
      .updateTable('agent_credentials')
      .set({ synced_secret_version: secretVersion, synced_at: sql<Date>`now()` })
      .where('agent_id', '=', agentId)
      .where('credential_id', '=', credentialId)
      .execute()
  }
  const ids = delivered.map((one) => one.credentialId)
  // An attached key that was withheld is one that the agent has no version of now.
  await tx
    .updateTable('agent_credentials')
    .set({ synced_secret_version: null, synced_at: null })
    .where('agent_id', '=', agentId)
    .where('synced_secret_version', 'is not', null)
    .where(sql<boolean>`credential_id <> all (${ids}::uuid[])`)
    .execute()
  if (ids.length > 0) {
    await tx
      .updateTable('credentials')
      .set({ last_used_at: sql<Date>`now()` })
      .where('id', 'in', ids)
      .execute()
  }
  await supersede(tx, agentId, delivered)
}

const mostSuperseded = 20

/** What is not held any more may still be in the program's memory for a while: it goes a day later. */
async function supersede(tx: Tx, agentId: string, delivered: readonly Delivered[]): Promise<void> {
  const ids = delivered.map((one) => one.credentialId)
  const versions = delivered.map((one) => one.secretVersion)
  await sql`update given_secrets g set superseded_at = now()
    where g.agent_id = ${agentId} and g.superseded_at is null and not exists (
      select 1 from unnest(${ids}::uuid[], ${versions}::int[]) as held (id, version)
      where held.id = g.credential_id and held.version = g.secret_version)`.execute(tx)
  // A person who replaces a key all day long keeps the newest few: what is searched for must stay small.
  await sql`delete from given_secrets g where g.agent_id = ${agentId} and (g.superseded_at < now() - interval '1 day'
    or g.superseded_at is not null and g.seq not in (select n.seq from given_secrets n
      where n.agent_id = ${agentId} and n.superseded_at is not null order by n.seq desc limit ${mostSuperseded}))`.execute(
    tx,
  )
}

/** How many deliveries the agent had in the last `seconds`, by its timeline. Looks at its newest 1000 events. */
export async function recentDeliveries(tx: Tx, agentId: string, seconds: number): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    select count(*)::int as n from (
      select type, ts from events where agent_id = ${agentId} and workspace_id = (select nora.workspace())
      order by seq desc limit 1000) newest
    where type = 'keys.synced' and ts > clock_timestamp() - make_interval(secs => ${seconds})`.execute(tx)
  return rows[0]?.n ?? 0
}
