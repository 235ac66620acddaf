import type { ApiKeyScope } from '@nora/contract/api-keys'
import { type Kysely, sql, type Transaction } from 'kysely'
import type { DB, WorkspaceRole } from './schema.ts'

/** A transaction whose context has been proven. Nothing else may touch a tenant's table. */
export type Tx = Transaction<DB>

/** Who acts, with the proof that Postgres checks (`nora.enter_*`) at the start of every transaction. */
export type Actor = SessionActor | HubActor | OperationActor | FollowerActor | ViewerActor

/** A signed-in person. `secret` is the session secret that the access token carries. */
export type SessionActor = {
  kind: 'session'
  sessionId: string
  secret: Buffer
  /** null: the personal workspace. */
  workspaceId: string | null
}
/** A program with a workspace's API key, which acts as who made the key, within its scopes. */
export type HubActor = {
  kind: 'hub'
  /** The part of the key that is no secret. */
  publicId: string
  /** `hubKeyProver` of @nora/crypto/hub-keys. */
  proof: Buffer
  /** What the program believes it is in; null: it does not say. */
  workspaceId: string | null
  /** Where it calls from, which its key may limit. */
  ip: string | null
}
/** Who acts for somebody: the person, or a program of theirs. */
export type CallerActor = SessionActor | HubActor
/** A leased operation; `attempt` is its fence. */
export type OperationActor = { kind: 'operation'; operationId: string; workerId: string; attempt: number }
/** The holder of an agent's log lease. */
export type FollowerActor = { kind: 'follower'; agentId: string; workerId: string; fence: number }
/** A redeemed stream of a viewer. */
export type ViewerActor = { kind: 'viewer'; streamId: string }

export type Entered<A extends Actor> = A extends SessionActor
  ? { userId: string; workspaceId: string; role: WorkspaceRole; platformRole: 'user' | 'admin' }
  : A extends HubActor
    ? EnteredHub
    : A extends OperationActor
      ? { workspaceId: string; agentId: string | null; credentialId: string | null; cancelRequested: boolean }
      : A extends FollowerActor
        ? { workspaceId: string }
        : { workspaceId: string; agentId: string; kind: string }

/** `userId` and `role` are the creator's, `scopes` what the key was made with: what it may do is `effectiveScopes` of both. */
type EnteredHub = {
  userId: string
  workspaceId: string
  role: WorkspaceRole
  apiKeyId: string
  scopes: ApiKeyScope[]
}

/**
 * The only handle to tenants' tables: begins a transaction, has Postgres verify the actor's proof, and runs `run` in the
 * context it set. Raises what `nora.enter_*` raises: SQLSTATE NR401 (session, key), NR404 (not a member), NR409 (lease lost),
 * NR403 (stream revoked); see `refusalOf`.
 */
export async function withActor<A extends Actor, T>(
  db: Kysely<DB>,
  actor: A,
  run: (tx: Tx, entered: Entered<A>) => Promise<T>,
): Promise<T> {
  return db.transaction().execute(async (tx) => run(tx, (await enter(tx, actor)) as Entered<A>))
}

async function enter(tx: Tx, actor: Actor): Promise<unknown> {
  switch (actor.kind) {
    case 'session':
      return first(
        sql`select user_id as "userId", workspace_id as "workspaceId", role, platform_role as "platformRole"
          from nora.enter_session(${actor.sessionId}, ${actor.secret}, ${actor.workspaceId})`.execute(tx),
      )
    case 'hub':
      return first(
        sql`select user_id as "userId", workspace_id as "workspaceId", role, api_key_id as "apiKeyId", scopes
          from nora.enter_hub(${actor.publicId}, ${actor.proof}, ${actor.workspaceId}::uuid, ${actor.ip}::inet)`.execute(
          tx,
        ),
      )
    case 'operation':
      return first(
        sql`select workspace_id as "workspaceId", agent_id as "agentId", credential_id as "credentialId",
            cancel_requested as "cancelRequested"
          from nora.enter_operation(${actor.operationId}, ${actor.workerId}, ${actor.attempt})`.execute(tx),
      )
    case 'follower':
      return first(
        sql`select nora.enter_follower(${actor.agentId}, ${actor.workerId}, ${actor.fence}) as "workspaceId"`.execute(
          tx,
        ),
      )
    case 'viewer':
      return first(
        sql`select workspace_id as "workspaceId", agent_id as "agentId", kind from nora.enter_stream(${actor.streamId})`.execute(
          tx,
        ),
      )
  }
}

async function first(result: Promise<{ rows: unknown[] }>): Promise<unknown> {
  return (await result).rows[0]
}

/** The refusal that a definer function raised (`status` from its SQLSTATE, `code` its message), or undefined for any other error. */
export function refusalOf(error: unknown): { status: number; code: string } | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined
  const match = /^NR(\d{3})$/.exec(error.code)
  return match ? { status: Number(match[1]), code: error.message } : undefined
}
