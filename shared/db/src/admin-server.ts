import { sql } from 'kysely'
import type { Tx } from './actor.ts'
import { type SealedCount, sealedCounts } from './rotation.ts'

// How the server itself stands, as a platform admin reads it inside `withAdminRead`.

export type AdminWorkerRow = {
  id: string
  live: boolean
  version: string | null
  startedAt: Date
  lastSeenAt: Date
  kid8: Buffer
  keyVersion: number
  /** The ids of all keys that it opens with, eight bytes each. */
  opens: Buffer
  operations: number
  leaseUntil: Date | null
  gateways: number
  logs: number
}

const live = sql`w.last_seen_at > now() - interval '15 seconds'`

/** Workers in the order of their names, after one. */
export async function adminWorkers(
  tx: Tx,
  { after, limit }: { after: string | undefined; limit: number },
): Promise<AdminWorkerRow[]> {
  const { rows } =
    await sql<AdminWorkerRow>`select w.id, ${live} as live, w.version, w.started_at as "startedAt",
      w.last_seen_at as "lastSeenAt", w.kid8, w.key_version as "keyVersion", w.opens, o.operations, o.lease_until as "leaseUntil",
      (select count(*) from gateways g where g.worker_id = w.id and g.lease_until > now()) as gateways,
      (select count(*) from log_followers f where f.worker_id = w.id and f.lease_until > now()) as logs
    from workers w, lateral (select count(*) as operations, min(x.lease_until) as lease_until from operations x
      where x.worker_id = w.id and x.status = 'leased') o
    where ${after === undefined ? sql`true` : sql`w.id > ${after}`} order by w.id limit ${limit}`.execute(tx)
  return rows
}

export type KnownKey = { version: number; kid8: Buffer; introducedAt: Date }
export type Rotation = {
  targetVersion: number
  startedAt: Date
  finishedAt: Date | null
  /** When rows were re-sealed last, and how many a second by then. */
  movedAt: Date | null
  rate: number | null
  resealed: number
}
/** A record that did not open. `agentId`: it is the copy of what that agent was given. */
export type UnopenedRecord = {
  credentialId: string
  agentId: string | null
  workspaceId: string
  keyVersion: number
  secretVersion: number
}

/** Every encryption key that was ever introduced (the newest first), what each seals, and how the newest exchange stands. */
export async function adminKeys(tx: Tx): Promise<{
  keys: KnownKey[]
  counts: SealedCount[]
  rotation: Rotation | undefined
  /** Live workers with the version of the key that each seals with, and the ids of those that it opens with. */
  workers: { id: string; keyVersion: number; kid8: Buffer; opens: Buffer }[]
  /** At most 50. */
  unopened: UnopenedRecord[]
}> {
  const { rows: keys } =
    await sql<KnownKey>`select version, kid8, introduced_at as "introducedAt" from sealing_keys
    order by version desc`.execute(tx)
  const { rows: rotations } =
    await sql<Rotation>`select target_version as "targetVersion", started_at as "startedAt",
    finished_at as "finishedAt", moved_at as "movedAt", rate, resealed from key_rotations order by target_version desc limit 1`.execute(
      tx,
    )
  const { rows: workers } = await sql<{
    id: string
    keyVersion: number
    kid8: Buffer
    opens: Buffer
  }>`select w.id, w.key_version as "keyVersion", w.kid8, w.opens from workers w
    where ${live} order by w.id`.execute(tx)
  const { rows: unopened } =
    await sql<UnopenedRecord>`select credential_id as "credentialId", agent_id as "agentId",
    workspace_id as "workspaceId", key_version as "keyVersion", secret_version as "secretVersion"
    from nora.unopened_records(50)`.execute(tx)
  return { keys, counts: await sealedCounts(tx), rotation: rotations[0], workers, unopened }
}

export type StartedService = { service: string; since: Date; settings: Record<string, unknown> }

/** The installation, what its processes were started with, and how many agents there are. */
export async function adminInstallation(tx: Tx): Promise<{
  id: string
  claimedAt: Date | null
  agents: number
  services: StartedService[]
}> {
  const { rows } = await sql<{
    id: string
    claimedAt: Date | null
    agents: number
  }>`select i.id, i.claimed_at as "claimedAt",
    (select count(*) from agents a where a.deleted_at is null) as agents from installation i`.execute(tx)
  const { rows: services } =
    await sql<StartedService>`select service, seen_at as since, settings from configurations
    order by service`.execute(tx)
  return { ...rows[0]!, services }
}
