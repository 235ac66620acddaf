import { randomBytes, randomUUID } from 'node:crypto'
import type { CredentialKind } from '@nora/contract/credential-types'
import { credentialAad } from '@nora/crypto/aad'
import { fingerprint } from '@nora/crypto/fingerprint'
import { deriveSealing } from '@nora/crypto/keys'
import { seal } from '@nora/crypto/seal'
import type { OperationActor } from '@nora/db/actor'
import { leaseOperation } from '@nora/db/leases'
import type { Person } from '@nora/testing/people'
import type { TestDatabase } from '@nora/testing/postgres'
import type { Target } from '../../backends/backend.ts'
import type { Keyring } from '../open-secret.ts'

export const sealing = deriveSealing(randomBytes(32), 1)
export const keyring: Keyring = { keys: [sealing.openKey], allowPlaintext: false }

async function insert(database: TestDatabase, table: string, row: Record<string, unknown>): Promise<void> {
  const names = Object.keys(row)
  const marks = names.map((_, index) => `$${index + 1}`)
  await database.asSuperuser(
    `insert into nora.${table} (${names.join(', ')}) values (${marks.join(', ')})`,
    Object.values(row),
  )
}

/** An agent's row, past the policies. */
export async function storeAgent(
  database: TestDatabase,
  owner: Person,
  row: Record<string, unknown> = {},
): Promise<string> {
  const id = randomUUID()
  await insert(database, 'agents', {
    id,
    workspace_id: owner.workspaceId,
    owner_id: owner.userId,
    name: 'agent',
    runtime: 'starter',
    target: 'docker',
    sandbox_profile: 'standard',
    cpus: 1,
    memory_mb: 128,
    disk_mb: 64,
    pids: 32,
    ...row,
  })
  return id
}

type KeyOptions = {
  id?: string
  version?: number
  kind?: CredentialKind
  provider?: string
  baseUrl?: string
  hosts?: string[]
}

/** A sealed key, as the api stores one; with `id`: the next version of that row. */
export async function storeKey(
  database: TestDatabase,
  owner: Person,
  secret: Record<string, string>,
  options: KeyOptions = {},
): Promise<string> {
  const { id = randomUUID(), version = 1, kind = 'llm', provider = 'openai' } = options
  const { hosts = ['api.openai.com'] } = options
  const plaintext = Buffer.from(JSON.stringify(secret))
  const aad = credentialAad({
    table: 'credentials',
    column: 'sealed',
    rowId: id,
    workspaceId: owner.workspaceId,
    ownerId: owner.userId,
    keyVersion: 1,
    secretVersion: version,
    kind,
    provider,
    destinationHosts: hosts,
  })
  const sealed = await seal(sealing.sealKey, plaintext, aad)
  if (options.id !== undefined) {
    await database.asSuperuser('update nora.credentials set sealed = $2, secret_version = $3 where id = $1', [
      id,
      sealed,
      version,
    ])
    return id
  }
  await insert(database, 'credentials', {
    id,
    workspace_id: owner.workspaceId,
    owner_id: owner.userId,
    kind,
    permission: kind === 'exchange' ? 'read_only' : null,
    provider,
    label: 'key',
    sealed,
    key_version: 1,
    secret_version: version,
    destination_hosts: hosts,
    base_url: options.baseUrl ?? null,
    fingerprint: fingerprint(sealing.sealKey, plaintext),
  })
  return id
}

/** Attaches a key, past the rules that the api checks. */
export function attach(database: TestDatabase, owner: Person, agentId: string, credentialId: string) {
  return insert(database, 'agent_credentials', {
    workspace_id: owner.workspaceId,
    agent_id: agentId,
    credential_id: credentialId,
  })
}

/** An operation on an agent, or with `credential` on a key, leased by a worker for a minute. */
export async function leased(
  database: TestDatabase,
  owner: Person,
  about: { agent: string } | { credential: string },
): Promise<OperationActor> {
  const id = randomUUID()
  const subject = 'agent' in about ? { agent_id: about.agent } : { credential_id: about.credential }
  await insert(database, 'operations', {
    id,
    workspace_id: owner.workspaceId,
    ...subject,
    kind: 'agent' in about ? 'sync-keys' : 'test-key',
    requested_by: owner.userId,
  })
  const operation = await leaseOperation(database.worker, id, 'test-worker', 60_000)
  if (!operation) throw new Error('the operation could not be leased')
  return operation.actor
}

/** Ends an operation so that the agent is free for the next one. */
export async function finish(database: TestDatabase, actor: OperationActor): Promise<void> {
  await database.asSuperuser(`update nora.operations set status = 'succeeded' where id = $1`, [
    actor.operationId,
  ])
}

/** As much of a target as delivering keys looks at. */
export const targetOf = (owner: Person, agentId: string): Target => ({
  installation: randomUUID(),
  workspaceId: owner.workspaceId,
  agentId,
  generation: 1,
  desired: 'running',
  keepData: false,
  image: { reference: 'none', pull: false },
  command: [],
  env: {},
  user: '10001:10001',
  hostname: 'agent',
  resources: { cpus: 1, memoryMb: 64, diskMb: 64, pids: 32 },
  sandboxProfile: 'standard',
  network: { subnet: '', bridge: '', gateway: '', agent: '' },
  specHash: '',
})
