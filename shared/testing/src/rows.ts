import { randomUUID } from 'node:crypto'
import type { Person } from './people.ts'
import type { TestDatabase } from './postgres.ts'

export type TenantRows = { credentialId: string; agentId: string; operationId: string; streamId: string }

/** One row of a person's in every tenant table, written past the policies, so that a test can look for what others see of it. */
export async function tenantRows(database: TestDatabase, owner: Person): Promise<TenantRows> {
  const ids = {
    credentialId: randomUUID(),
    agentId: randomUUID(),
    operationId: randomUUID(),
    streamId: randomUUID(),
  }
  const insert = (table: string, row: Record<string, unknown>) => {
    const names = Object.keys(row)
    const marks = names.map((_, index) => `$${index + 1}`)
    return database.asSuperuser(
      `insert into nora.${table} (${names.join(', ')}) values (${marks.join(', ')})`,
      Object.values(row),
    )
  }
  const w = { workspace_id: owner.workspaceId }
  const wa = { ...w, agent_id: ids.agentId }
  await insert('credentials', {
    ...w,
    id: ids.credentialId,
    owner_id: owner.userId,
    kind: 'llm',
    provider: 'openai',
    label: 'key',
    sealed: Buffer.alloc(192, 1),
    key_version: 1,
    fingerprint: '00000000',
  })
  await insert('agents', {
    ...w,
    id: ids.agentId,
    owner_id: owner.userId,
    name: 'agent',
    runtime: 'image',
    target: 'docker',
    sandbox_profile: 'standard',
    cpus: 1,
    memory_mb: 64,
    disk_mb: 64,
    pids: 32,
    event_seq: 1,
  })
  await insert('agent_credentials', { ...wa, credential_id: ids.credentialId })
  await insert('operations', { ...wa, id: ids.operationId, kind: 'provision', requested_by: owner.userId })
  await insert('events', { ...wa, seq: 1, type: 'created' })
  await insert('given_secrets', {
    ...wa,
    credential_id: ids.credentialId,
    secret_version: 1,
    owner_id: owner.userId,
    provider: 'openai',
    destination_hosts: [],
    key_version: 1,
    sealed: Buffer.alloc(200, 1),
  })
  await insert('agent_samples', {
    ...wa,
    at: new Date(),
    cpu_percent: 1,
    memory_bytes: 1,
    memory_limit_bytes: 1,
    network_rx_bytes: 1,
    network_tx_bytes: 1,
    pids: 1,
  })
  await insert('log_followers', wa)
  await insert('log_chunks', {
    ...wa,
    first_seq: 1,
    last_seq: 1,
    generation: 1,
    first_ts: new Date(),
    last_ts: new Date(),
    lines: 1,
    data: Buffer.from('x'),
  })
  await insert('streams', {
    ...wa,
    id: ids.streamId,
    user_id: owner.userId,
    session_id: owner.sessionId,
    kind: 'logs',
    ticket_hash: Buffer.from(randomUUID().replaceAll('-', '')),
    ticket_expires_at: new Date(Date.now() + 30_000),
  })
  await insert('exec_sessions', {
    ...wa,
    user_id: owner.userId,
    session_id: owner.sessionId,
    worker_id: 'w',
    container_id: 'c',
  })
  await insert('idempotency_keys', { ...w, user_id: owner.userId, key: 'k', request_hash: Buffer.alloc(32) })
  await insert('api_keys', {
    ...w,
    id: randomUUID(),
    created_by: owner.userId,
    public_id: randomUUID().replaceAll('-', '').slice(0, 10),
    name: 'key',
    scopes: ['agents:read'],
    expires_at: new Date(Date.now() + 3_600_000),
  })
  await insert('invitations', {
    ...w,
    email: `${randomUUID()}@example.test`,
    role: 'viewer',
    token_hash: Buffer.from(randomUUID().replaceAll('-', '')),
    invited_by: owner.userId,
    expires_at: new Date(Date.now() + 3_600_000),
  })
  return ids
}
