import type { TestDatabase } from '@nora/testing/clone-database'

export type Owner = { userId: string; workspaceId: string }

const provisioned = `'{}'::jsonb, 'provision', 'succeeded', 'it runs'`

/**
 * Writes `count` agents of one workspace that were provisioned and stopped, each with a key attached and an ended operation, and
 * lets Postgres count them. Nothing of theirs is on the engine.
 */
export async function insertStoppedAgents(
  database: TestDatabase,
  owner: Owner,
  count: number,
  credentialId?: string,
): Promise<void> {
  await database.asSuperuser(
    `with a as (
       insert into nora.agents (workspace_id, owner_id, name, runtime, target, sandbox_profile, cpus, memory_mb, disk_mb, pids,
         desired_state, state, state_reason, observed_generation, created_at)
       select $1, $2, 'agent ' || n, 'starter', 'docker', 'standard', 0.5, 256, 512, 64, 'stopped', 'stopped', 'stopped by its owner', 1,
         now() - n * interval '1 second'
       from generate_series(1, $3::int) n returning id),
     o as (
       insert into nora.operations (workspace_id, agent_id, input, kind, status, reason, requested_by, started_at, finished_at, attempt)
       select $1, id, ${provisioned}, $2, now(), now(), 1 from a)
     insert into nora.agent_credentials (workspace_id, agent_id, credential_id, synced_secret_version, synced_at)
     select $1, id, $4::uuid, 1, now() from a where $4::uuid is not null`,
    [owner.workspaceId, owner.userId, count, credentialId ?? null],
  )
  await database.asSuperuser('vacuum analyze nora.agents, nora.operations, nora.agent_credentials')
}

/** One stored key of the owner's, with bytes that nobody opens. Gives its id. */
export async function insertKey(database: TestDatabase, owner: Owner, label: string): Promise<string> {
  const [row] = await database.asSuperuser<{ id: string }>(
    `insert into nora.credentials (workspace_id, owner_id, kind, provider, label, sealed, key_version, fingerprint, destination_hosts)
     values ($1, $2, 'llm', 'openai', $3, $4, 1, '00000000', '{api.openai.com}') returning id`,
    [owner.workspaceId, owner.userId, label, Buffer.alloc(192, 1)],
  )
  return row!.id
}
