import { type Kysely, sql } from 'kysely'
import type { Tx } from './actor.ts'
import type { CredentialKind, DB } from './schema.ts'

// Re-sealing under a newer key. Nothing here has a tenant's context: what opens these functions is a proof of the key
// (migrations/0010-rotation.sql says what bounds them).

/** The key that rows are re-sealed to. `proof` is shown to Postgres, which knows its SHA-256. */
export type ProvenKey = { version: number; proof: Buffer }

/** A record of an older key. `agentId`: it is the copy of what that agent was given; null: the credential itself. */
export type OldRecord = {
  id: string
  agentId: string | null
  workspaceId: string
  ownerId: string
  kind: CredentialKind
  provider: string
  destinationHosts: string[]
  keyVersion: number
  secretVersion: number
  sealed: Buffer
}

/** What a record became. */
export type NewRecord = OldRecord & { resealed: Buffer; fingerprint: string }

/**
 * Makes a key known to Postgres: the first one by itself, a newer one with the proof of the newest known among `known`.
 * True when it is new. Raises NR409 `key-version-taken`, NR403 `key-not-introduced`.
 */
export async function introduceKey(
  db: Kysely<DB>,
  key: { version: number; kid8: Buffer; verifier: Buffer },
  known: readonly Buffer[],
): Promise<boolean> {
  const { rows } = await sql<{ introduced: boolean }>`select nora.introduce_key(${key.version}, ${key.kid8},
    ${key.verifier}, ${[...known]}::bytea[]) as introduced`.execute(db)
  return rows[0]!.introduced
}

/** Up to `limit` records of older keys, locked until `tx` ends. `keyringId`: what did not open with it is left out. */
export async function oldRecords(
  tx: Tx,
  key: ProvenKey,
  keyringId: Buffer,
  limit: number,
): Promise<OldRecord[]> {
  const { rows } = await sql<OldRecord>`select id, agent_id as "agentId", workspace_id as "workspaceId",
      owner_id as "ownerId", credential_kind as kind, provider, destination_hosts as "destinationHosts", key_version as "keyVersion",
      secret_version as "secretVersion", sealed
    from nora.reseal_batch(${key.version}, ${key.proof}, ${keyringId}, ${limit})`.execute(tx)
  return rows
}

/** Stores what records became, each only if it still is what was read. Gives how many were. */
export async function storeResealed(tx: Tx, key: ProvenKey, records: readonly NewRecord[]): Promise<number> {
  const column = <T>(pick: (record: NewRecord) => T) => records.map(pick)
  const { rows } = await sql<{ n: number }>`select nora.reseal_store(${key.version}, ${key.proof},
    ${column((one) => tableOf(one))}::text[], ${column((one) => one.workspaceId)}::uuid[],
    ${column((one) => one.id)}::uuid[], ${column((one) => one.agentId)}::uuid[],
    ${column((one) => one.secretVersion)}::int[], ${column((one) => one.keyVersion)}::int[],
    ${column((one) => one.resealed)}::bytea[], ${column((one) => one.fingerprint)}::text[]) as n`.execute(tx)
  return rows[0]!.n
}

/** Marks a record of a batch as one that does not open with this keyring. True when that is news: then it is audited. */
export async function noteUnopened(
  tx: Tx,
  key: ProvenKey,
  keyringId: Buffer,
  record: OldRecord,
  reason: string,
): Promise<boolean> {
  const { rows } = await sql<{
    news: boolean
  }>`select nora.reseal_failed(${key.version}, ${key.proof}, ${keyringId},
    ${tableOf(record)}, ${record.id}, ${record.agentId}, ${record.secretVersion}, ${reason}) as news`.execute(
    tx,
  )
  return rows[0]!.news
}

export type RotationState = {
  /** Live workers that do not open the key yet: nothing is re-sealed before they do. */
  waitingFor: string[]
  /** A record of an older key is still to be tried. */
  pending: boolean
  /** Rows that were re-sealed to this key so far, by all workers. */
  resealed: number
  /** This call found the end; it is audited. */
  finishedNow: boolean
}

export async function rotationState(
  db: Kysely<DB>,
  key: ProvenKey,
  keyringId: Buffer,
): Promise<RotationState> {
  const { rows } = await sql<RotationState>`select waiting_for as "waitingFor", pending, resealed,
    finished_now as "finishedNow" from nora.rotation_state(${key.version}, ${key.proof}, ${keyringId})`.execute(
    db,
  )
  return rows[0]!
}

export type SealedCount = { keyVersion: number; credentials: number; givenSecrets: number; unopened: number }

/** How many records each key version seals (0: not sealed), and how many of them are known not to open. */
export async function sealedCounts(db: Kysely<DB>): Promise<SealedCount[]> {
  const { rows } = await sql<SealedCount>`select key_version as "keyVersion", credentials,
    given_secrets as "givenSecrets", unopened from nora.sealed_counts()`.execute(db)
  return rows
}

const tableOf = (record: OldRecord) => (record.agentId === null ? 'credential' : 'given')
