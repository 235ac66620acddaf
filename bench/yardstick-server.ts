import { AgentPage } from '@nora/contract/agents'
import { Problem } from '@nora/contract/problem'
import { ProviderKeyPage } from '@nora/contract/provider-keys'
import { fastify } from 'fastify'
import pg from 'pg'

// The yardstick of api-list and api-keys, in a process of its own: the same Fastify and the same answers from one plain query each;
// no session, no policy, no limit, no header of ours.

const { DATABASE_URL: databaseUrl, WORKSPACE: workspace, PORT: port } = process.env
const pool = new pg.Pool({
  connectionString: databaseUrl,
  max: 20,
  options: '-c search_path=nora',
})

const agents = `select a.id, a.workspace_id, a.owner_id, a.name, a.runtime, a.image, a.target, a.sandbox_profile, a.cpus::float8 as cpus,
    a.memory_mb, a.disk_mb, a.pids, a.desired_state, a.state, a.state_reason, a.generation, a.observed_generation, a.disk_enforced,
    a.created_at, a.updated_at,
    (select coalesce(json_agg(k), '[]') from (select ac.credential_id as id, c.label, ac.synced_secret_version as "syncedSecretVersion", ac.synced_at as "syncedAt"
       from agent_credentials ac left join credentials c on c.id = ac.credential_id
       where ac.workspace_id = a.workspace_id and ac.agent_id = a.id order by ac.attached_at) k) as keys,
    (select to_json(o) from (select o.id, o.kind, case o.status when 'pending' then 'queued' else o.status end as status, o.step, o.reason, o.created_at as "createdAt", o.finished_at as "finishedAt", o.error
       from operations o where o.workspace_id = a.workspace_id and o.agent_id = a.id order by o.seq desc limit 1) o) as operation
  from agents a where a.workspace_id = $1 and a.deleted_at is null order by a.created_at desc, a.id desc limit 50`

const keys = `select c.id, c.owner_id, c.provider, c.label, c.fingerprint, c.shared_with_workspace, c.base_url, c.destination_hosts,
    c.key_version, c.secret_version, c.created_at, c.updated_at, c.last_used_at,
    array(select ac.agent_id from agent_credentials ac join agents a on a.id = ac.agent_id
      where ac.workspace_id = c.workspace_id and ac.credential_id = c.id and a.deleted_at is null) as used_by
  from credentials c where c.workspace_id = $1 and c.kind = 'llm' order by c.created_at desc, c.id desc limit 50`

// What pg gives is any, and every field is passed on.
const agentOf = (row: pg.QueryResultRow) => ({
  id: row.id,
  name: row.name,
  runtime: row.runtime,
  image: row.image,
  target: row.target,
  sandboxProfile: row.sandbox_profile,
  resources: { cpus: row.cpus, memoryMb: row.memory_mb, diskMb: row.disk_mb, pids: row.pids },
  diskEnforced: row.disk_enforced,
  state: row.state,
  stateReason: row.state_reason,
  desiredState: row.desired_state,
  generation: row.generation,
  observedGeneration: row.observed_generation,
  providerKeys: row.keys,
  createdBy: row.owner_id,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  operation: row.operation,
})
const keyOf = (row: pg.QueryResultRow) => ({
  id: row.id,
  provider: row.provider,
  label: row.label,
  ownerId: row.owner_id,
  fingerprint: row.fingerprint,
  sharedWithWorkspace: row.shared_with_workspace,
  baseUrl: row.base_url,
  destinationHosts: row.destination_hosts,
  keyVersion: row.key_version,
  secretVersion: row.secret_version,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  lastUsedAt: row.last_used_at,
  usedBy: row.used_by,
})

const app = fastify()
app.addSchema(Problem)
app.get('/agents', { schema: { response: { 200: AgentPage } } }, async () => {
  const { rows } = await pool.query(agents, [workspace])
  return { items: rows.map(agentOf), nextCursor: null }
})
app.get('/keys', { schema: { response: { 200: ProviderKeyPage } } }, async () => {
  const { rows } = await pool.query(keys, [workspace])
  return { items: rows.map(keyOf), nextCursor: null }
})
await app.listen({ host: '127.0.0.1', port: Number(port) })
