import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { TestDatabase } from '@nora/testing/clone-database'
import type { Made } from '@nora/testing/made-rows'
import type { Person } from '@nora/testing/people'
import { openSession, type Session } from './attempts.ts'

/**
 * What each role of ours is, and what of everybody's rows it sees or changes by design, with the reason. A role that is not here
 * fails the proof. `signsIn` by its own password; the others are attacked as if they could.
 */
export const roles: Record<
  string,
  {
    attacked: boolean
    signsIn?: 'app' | 'worker'
    /** What it may become; attacked as what it then is. */
    becomes?: readonly string[]
    reads?: Record<string, string>
    writes?: Record<string, string>
  }
> = {
  nora_owner: { attacked: false },
  nora_definer: { attacked: false },
  nora_migrator: { attacked: false },
  nora_app: {
    attacked: true,
    signsIn: 'app',
    becomes: ['nora_admin_reader', 'nora_admin_operator'],
    reads: {
      workers: 'where workers are reached; no tenant stands in it',
      gateways: 'where gateways are reached; no tenant stands in it',
    },
  },
  nora_worker: {
    attacked: true,
    signsIn: 'worker',
    reads: { workers: 'its own registry', gateways: 'its own registry' },
    writes: { workers: 'its own registry', gateways: 'its own registry' },
  },
  nora_rotator: { attacked: true },
  nora_backup: { attacked: true },
  nora_admin_reader: {
    attacked: true,
    reads: {
      workers: 'which workers there are; no tenant stands in it',
      gateways: 'which gateways there are; no tenant stands in it',
    },
  },
  nora_admin_operator: { attacked: true },
  nora_audit: {
    attacked: true,
    reads: {
      audit_log: 'who verifies the audit reads all of it',
      audit_pending: 'who verifies the audit reads all of it',
      audit_chain: 'who verifies the audit reads all of it',
      audit_head: 'who verifies the audit reads all of it',
      audit_checkpoints: 'who verifies the audit reads all of it',
    },
  },
}

export type Stance = {
  name: string
  role: string
  /** The statement that proves the context, to be the first of a transaction; none: nobody's. */
  enter?: string
}

/**
 * How the attacker comes by a live context, by the function that sets it: every function of the database that sets one stands
 * here, so that every table is attacked from it. The attacker's own rows are made live first.
 */
export const proofs: Record<
  string,
  { role: string; statements: (person: Person, made: Made) => Record<string, string> }
> = {
  enter_session: {
    role: 'nora_app',
    statements: ({ sessionId, secret, workspaceId }) => ({
      'a session': `select nora.enter_session('${sessionId}', '\\x${secret.toString('hex')}', '${workspaceId}')`,
    }),
  },
  enter_hub: {
    role: 'nora_app',
    statements: (_, made) => ({
      'an API key': `select nora.enter_hub('${made.rows.get('api_keys')!.row['public_id']}',
        '\\x${keyProofs.get(made)!.toString('hex')}', null, null)`,
    }),
  },
  enter_operation: {
    role: 'nora_worker',
    statements: (_, made) => ({
      'an operation': `select nora.enter_operation('${idOf(made, 'operations')}', 'w-mine', 1)`,
      'an operation on a key': `select nora.enter_operation('${keyOperation(made)}', 'w-mine', 1)`,
    }),
  },
  enter_follower: {
    role: 'nora_worker',
    statements: (_, made) => ({
      'a follower': `select nora.enter_follower('${idOf(made, 'agents')}', 'w-mine', 1)`,
    }),
  },
  enter_stream: {
    role: 'nora_worker',
    statements: (_, made) => ({ 'a viewer': `select nora.enter_stream('${idOf(made, 'streams')}')` }),
  },
  // No tenant has a proof for these: admin-roles.db.test.ts attacks from an admin's.
  enter_admin_read: { role: 'nora_app', statements: () => ({}) },
  enter_admin_turn: { role: 'nora_app', statements: () => ({}) },
}

const keyOperations = new WeakMap<Made, string>()
const keyProofs = new WeakMap<Made, Buffer>()
const idOf = (made: Made, table: string) => made.rows.get(table)!.row['id']!
const keyOperation = (made: Made) => keyOperations.get(made)!

/**
 * Makes the person's rows what a worker of this name and a viewer prove themselves with: a running agent, a leased operation on it
 * and one on a key, a followed log, an open stream, an API key with every scope.
 */
export async function makeLive(
  database: TestDatabase,
  person: Person,
  made: Made,
  worker: string,
): Promise<void> {
  const keyOperationId = randomUUID()
  keyOperations.set(made, keyOperationId)
  const change = (text: string, ...values: unknown[]) => database.asSuperuser(text, values)
  const [agentId, operationId, streamId] = ['agents', 'operations', 'streams'].map((t) => idOf(made, t))
  await change(`update nora.agents set state = 'running', desired_state = 'running' where id = $1`, agentId)
  await change(
    `insert into nora.operations (id, workspace_id, credential_id, kind, requested_by) values ($1, $2, $3, 'test-key', $4)`,
    ...[keyOperationId, person.workspaceId, idOf(made, 'credentials'), person.userId],
  )
  await change(
    `update nora.operations set status = 'leased', worker_id = $4, attempt = 1, lease_until = now() + interval '1 hour',
       agent_id = case when id = $1 then $2::uuid end, credential_id = case when id = $1 then null else credential_id end
     where id = any ($3::uuid[])`,
    ...[operationId, agentId, [operationId, keyOperationId], worker],
  )
  await change(
    `update nora.log_followers set worker_id = $2, fence = 1, lease_until = now() + interval '1 hour' where agent_id = $1`,
    ...[agentId, worker],
  )
  await change(`update nora.streams set kind = 'logs', redeemed_at = now() where id = $1`, streamId)
  const [apiKeyId, proof] = [idOf(made, 'api_keys'), randomBytes(32)]
  keyProofs.set(made, proof)
  await change(
    `update nora.api_keys set allowed_cidrs = '{}', scopes = array['agents:read', 'agents:write', 'agents:invoke', 'keys:sync',
       'logs:read', 'metrics:read', 'catalog:read', 'catalog:submit'] where id = $1`,
    apiKeyId,
  )
  await change(
    `insert into nora.api_key_secrets (hash, key_id, ends_at) values ($1, $2, now() + interval '1 hour')`,
    ...[createHash('sha256').update(proof).digest(), apiKeyId],
  )
}

/** Every stance there is of somebody whose rows are live: of each role without a context, and with each proof. */
export function stancesOf(person: Person, made: Made): Stance[] {
  const nobody = Object.entries(roles)
    .filter(([, { attacked }]) => attacked)
    .map(([role]): Stance => ({ name: `${role} without a context`, role }))
  const proven = Object.values(proofs).flatMap(({ role, statements }) =>
    Object.entries(statements(person, made)).map(
      ([name, enter]): Stance => ({ name: `${role} with the proof of ${name}`, role, enter }),
    ),
  )
  return [...nobody, ...proven]
}

/** A connection as the role, whether it can sign in yet or not. */
export function connectAs(database: TestDatabase, role: string): Promise<Session> {
  const signsIn = roles[role]?.signsIn
  if (signsIn === 'app') return openSession(database.appUrl)
  if (signsIn === 'worker') return openSession(database.workerUrl)
  return openSession(database.superuserUrl, role)
}
