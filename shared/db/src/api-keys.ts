import type { ApiKeyScope } from '@nora/contract/api-keys'
import { type Kysely, sql } from 'kysely'
import { type Entered, type HubActor, refusalOf, type SessionActor, type Tx } from './actor.ts'
import { afterCursor, createdUs, decodeCursor, pageOfRows } from './cursor.ts'
import type { DB } from './schema.ts'
import type { Origin } from './workspaces.ts'

const shown = [
  'api_keys.id',
  'api_keys.workspace_id',
  'api_keys.public_id',
  'api_keys.name',
  'api_keys.scopes',
  'api_keys.allowed_cidrs',
  'api_keys.created_by',
  'api_keys.created_at',
  'api_keys.expires_at',
  'api_keys.last_used_at',
] as const

const keys = (tx: Tx) =>
  tx
    .selectFrom('api_keys')
    .select(shown)
    .select(createdUs('api_keys').as('created_us'))
    .where('workspace_id', '=', sql<string>`(select nora.workspace())`)

export type ApiKeyRow = NonNullable<Awaited<ReturnType<typeof apiKeyById>>>

/** One key of the context's workspace, for its admins and for the program that holds it; or undefined. */
export function apiKeyById(tx: Tx, id: string) {
  return keys(tx).where('id', '=', id).executeTakeFirst()
}

/** The keys of the context's workspace, expired ones included, the newest first; none for less than an admin. */
export async function listApiKeys(tx: Tx, page: { limit: number; cursor?: string }) {
  const query = keys(tx)
    .orderBy('api_keys.created_at', 'desc')
    .orderBy('api_keys.id', 'desc')
    .limit(page.limit + 1)
  const rows = await (page.cursor === undefined
    ? query
    : query.where(afterCursor('api_keys', decodeCursor(page.cursor)))
  ).execute()
  return pageOfRows(rows, page.limit)
}

/**
 * Makes a key that acts as the caller. `hash` is `hashHubProof` of its proof, `expiresAt` null is 90 days. Raises NR403 `forbidden`,
 * `step-up-required`; NR409 `workspace-deleting`; NR422 `api-key-limit`.
 */
export async function createApiKey(
  tx: Tx,
  session: SessionActor,
  key: {
    id: string
    publicId: string
    hash: Buffer
    name: string
    scopes: readonly ApiKeyScope[]
    allowedCidrs: readonly string[]
    expiresAt: Date | null
  },
  from: Origin,
): Promise<void> {
  await sql`select nora.create_api_key(${session.sessionId}, ${session.secret}, ${key.id}, ${key.publicId}, ${key.hash},
    ${key.name}, ${[...key.scopes]}::text[], ${[...key.allowedCidrs]}::text[], ${key.expiresAt}::timestamptz,
    ${from.ip}::inet, ${from.correlationId})`.execute(tx)
}

/**
 * Gives the caller's own key another secret; those before it end after `graceHours`. Raises NR404 `not-found`; NR403 `forbidden`,
 * `not-your-api-key`, `step-up-required`; NR409 `api-key-ended`.
 */
export async function rotateApiKey(
  tx: Tx,
  session: SessionActor,
  key: { id: string; hash: Buffer; graceHours: number },
  from: Origin,
): Promise<void> {
  await sql`select nora.rotate_api_key(${session.sessionId}, ${session.secret}, ${key.id}, ${key.hash},
    make_interval(secs => ${key.graceHours * 3600}), ${from.ip}::inet, ${from.correlationId})`.execute(tx)
}

/** Ends a key at once. Raises NR404 `not-found`. */
export async function revokeApiKey(tx: Tx, id: string, from: Origin): Promise<void> {
  await sql`select nora.revoke_api_key(${id}, ${from.ip}::inet, ${from.correlationId})`.execute(tx)
}

/**
 * Checks a program's key and gives whom it acts for, without entering a transaction. Raises NR401 `api-key-invalid`, `api-key-expired`;
 * NR403 `ip-not-allowed`, `wrong-workspace`.
 */
export async function enterHub(db: Kysely<DB>, actor: HubActor): Promise<Entered<HubActor>> {
  const { publicId, proof, workspaceId, ip } = actor
  const { rows } = await sql<Entered<HubActor>>`
    select user_id as "userId", workspace_id as "workspaceId", role, api_key_id as "apiKeyId", scopes
    from nora.enter_hub(${publicId}, ${proof}, ${workspaceId}::uuid, ${ip}::inet)`.execute(db)
  return rows[0]!
}

/**
 * `enterHub`; a key whose proof is still one of `olderProofs` (made under a pepper that is being exchanged) is known by the
 * actor's own from then on.
 */
export async function enterHubRenewed(
  db: Kysely<DB>,
  actor: HubActor,
  olderProofs: readonly Buffer[],
): Promise<Entered<HubActor>> {
  try {
    return await enterHub(db, actor)
  } catch (error) {
    if (refusalOf(error)?.code !== 'api-key-invalid' || olderProofs.length === 0) throw error
    for (const proof of olderProofs) {
      const { rows } = await sql<{ renewed: boolean }>`
        select nora.renew_hub_secret(${actor.publicId}, ${proof}, sha256(${actor.proof})) as renewed`.execute(
        db,
      )
      if (rows[0]!.renewed) break
    }
    // Also where none was renewed: another call may have done it in between.
    return enterHub(db, actor)
  }
}

/** Audits, in its workspace, that a key was shown and refused for a reason other than being unknown. */
export async function reportRefusedKey(
  db: Kysely<DB>,
  { publicId, proof, ip }: HubActor,
  reason: string,
  correlationId: string,
): Promise<void> {
  await sql`select nora.report_refused_key(${publicId}, ${proof}, ${reason}, ${ip}::inet, ${correlationId})`.execute(
    db,
  )
}

/** Remembers that the context's key is in use. */
export async function touchApiKey(tx: Tx): Promise<void> {
  await sql`select nora.touch_api_key()`.execute(tx)
}
