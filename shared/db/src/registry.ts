import { type Kysely, sql } from 'kysely'
import type { Tx } from './actor.ts'
import { type FleetAgent, fleet } from './fleet.ts'
import { interval } from './leases.ts'
import type { DB } from './schema.ts'

export type WorkerBeat = {
  id: string
  /** Of the key it seals to; with `keyVersion`. */
  kid8: Buffer
  keyVersion: number
  /** The ids of every key it opens with, eight bytes each. */
  opens: Buffer
  internalUrl: string
  /** Of its program. */
  version?: string
}

/** Says that a worker lives: which keys it opens with and where the api reaches it. */
export async function beatWorker(db: Kysely<DB>, beat: WorkerBeat): Promise<void> {
  const facts = {
    kid8: beat.kid8,
    key_version: beat.keyVersion,
    opens: beat.opens,
    internal_url: beat.internalUrl,
    version: beat.version ?? null,
  }
  await db
    .insertInto('workers')
    .values({ id: beat.id, ...facts, last_seen_at: sql<Date>`now()` })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ ...facts, last_seen_at: sql<Date>`now()` }))
    .execute()
}

/** Takes a worker that stops in order off the list, so that nobody dials it. */
export async function removeWorker(db: Kysely<DB>, id: string): Promise<void> {
  await db.deleteFrom('workers').where('id', '=', id).execute()
}

export type GatewayRow = {
  id: string
  index: number
  containerId: string | null
  controlUrl: string | null
  invokeUrl: string | null
  controlAddress: string | null
  revision: number
}

const gatewayColumns = [
  'id',
  'index',
  'container_id as containerId',
  'control_url as controlUrl',
  'invoke_url as invokeUrl',
  'control_address as controlAddress',
  'revision',
] as const

/** Makes the first gateway's row when there is none, so that a gateway stands before the first agent needs it. */
export async function ensureFirstGateway(db: Kysely<DB>): Promise<void> {
  await db
    .insertInto('gateways')
    .values({ index: 0 })
    .onConflict((conflict) => conflict.column('index').doNothing())
    .execute()
}

export async function gatewayById(db: Kysely<DB>, id: string): Promise<GatewayRow | undefined> {
  return db.selectFrom('gateways').select(gatewayColumns).where('id', '=', id).executeTakeFirst()
}

/** A gateway that stands somewhere, the first by number. */
export async function anyGateway(db: Kysely<DB>): Promise<GatewayRow | undefined> {
  return db
    .selectFrom('gateways')
    .select(gatewayColumns)
    .where('control_url', 'is not', null)
    .orderBy('index')
    .limit(1)
    .executeTakeFirst()
}

/** Takes or renews the care of every gateway that no live worker holds; gives those that are now this worker's. */
export async function leaseGateways(
  db: Kysely<DB>,
  workerId: string,
  leaseMs: number,
): Promise<GatewayRow[]> {
  return db
    .updateTable('gateways')
    .set({ worker_id: workerId, lease_until: sql<Date>`clock_timestamp() + ${interval(leaseMs)}` })
    .where((where) =>
      where.or([
        where('worker_id', '=', workerId),
        where('lease_until', 'is', null),
        where('lease_until', '<', sql<Date>`clock_timestamp()`),
      ]),
    )
    .returning(gatewayColumns)
    .execute()
}

/** Lets go of every gateway, so that another worker need not wait for the lease to end. */
export async function releaseGateways(db: Kysely<DB>, workerId: string): Promise<void> {
  await db
    .updateTable('gateways')
    .set({ worker_id: null, lease_until: null })
    .where('worker_id', '=', workerId)
    .execute()
}

/** Where a gateway stands now. False: its care has gone to another worker, and nothing was written. */
export async function saveGateway(
  db: Kysely<DB>,
  workerId: string,
  gateway: { id: string; containerId: string; controlUrl: string; invokeUrl: string; controlAddress: string },
): Promise<boolean> {
  const result = await db
    .updateTable('gateways')
    .set({
      container_id: gateway.containerId,
      control_url: gateway.controlUrl,
      invoke_url: gateway.invokeUrl,
      control_address: gateway.controlAddress,
      updated_at: sql<Date>`now()`,
    })
    .where('id', '=', gateway.id)
    .where('worker_id', '=', workerId)
    .executeTakeFirst()
  return result.numUpdatedRows > 0n
}

/**
 * The next full list of a gateway's agents with its revision. The row's lock orders revisions as the lists were read,
 * so that a gateway which keeps the highest revision keeps the newest list, whoever pushes.
 */
export async function nextRoutes(
  db: Kysely<DB>,
  gatewayId: string,
): Promise<{ revision: number; agents: FleetAgent[] }> {
  return db.transaction().execute(async (tx: Tx) => {
    const { revision } = await tx
      .updateTable('gateways')
      .set({ revision: sql`revision + 1`, updated_at: sql<Date>`now()` })
      .where('id', '=', gatewayId)
      .returning('revision')
      .executeTakeFirstOrThrow()
    const agents = (await fleet(tx)).filter((agent) => agent.gatewayId === gatewayId)
    return { revision, agents }
  })
}
