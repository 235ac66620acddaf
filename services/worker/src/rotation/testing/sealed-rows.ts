import { randomBytes, randomUUID } from 'node:crypto'
import { credentialAad } from '@nora/crypto/aad'
import { deriveSealing } from '@nora/crypto/keys'
import { seal } from '@nora/crypto/seal'
import type { Person } from '@nora/testing/people'
import type { TestDatabase } from '@nora/testing/postgres'
import type { Keyring, Sealed } from '../../secrets/open-secret.ts'
import type { RotationDeps } from '../rotate.ts'
import { rotationKeys } from '../rotation-keys.ts'

/** An encryption key with its number. */
export type NumberedKey = { version: number; key: Buffer }

export const numberedKey = (version: number): NumberedKey => ({ version, key: randomBytes(32) })

export const sealingOf = ({ key, version }: NumberedKey) => deriveSealing(key, version)

/** What a worker with these keys has: the current one first. */
export function keysOf(
  current: NumberedKey,
  ...previous: NumberedKey[]
): Pick<RotationDeps, 'keyring' | 'rotation'> {
  const keyring: Keyring = {
    keys: [current, ...previous].map((one) => sealingOf(one).openKey),
    allowPlaintext: false,
  }
  return { keyring, rotation: rotationKeys(current, previous) }
}

/** A record for a row that the api would store: its columns and the sealed secret. */
export async function sealedFor(
  owner: Person,
  by: NumberedKey,
  secret: Record<string, string>,
  more: { id?: string; secretVersion?: number } = {},
): Promise<Sealed> {
  const place = {
    id: more.id ?? randomUUID(),
    workspaceId: owner.workspaceId,
    ownerId: owner.userId,
    kind: 'llm' as const,
    provider: 'openai',
    destinationHosts: ['api.openai.com'],
    keyVersion: by.version,
    secretVersion: more.secretVersion ?? 1,
  }
  const aad = credentialAad({ ...place, table: 'credentials', column: 'sealed', rowId: place.id })
  return { ...place, sealed: await seal(sealingOf(by).sealKey, Buffer.from(JSON.stringify(secret)), aad) }
}

/** Stores records as credentials of their own, past the policies. */
export async function storeCredentials(database: TestDatabase, records: readonly Sealed[]): Promise<void> {
  const column = <T>(pick: (record: Sealed) => T) => records.map(pick)
  await database.asSuperuser(
    `insert into nora.credentials (id, workspace_id, owner_id, kind, provider, label, sealed, key_version, secret_version,
       destination_hosts, fingerprint)
     select x.id, x.workspace_id, x.owner_id, 'llm', 'openai', 'key', x.sealed, x.key_version, x.secret_version,
       array['api.openai.com'], '00000000'
     from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bytea[], $5::int[], $6::int[])
       as x (id, workspace_id, owner_id, sealed, key_version, secret_version)`,
    [
      column((one) => one.id),
      column((one) => one.workspaceId),
      column((one) => one.ownerId),
      column((one) => one.sealed),
      column((one) => one.keyVersion),
      column((one) => one.secretVersion),
    ],
  )
}

/** Notes that an agent was given these records, past the policies. */
export async function storeGiven(
  database: TestDatabase,
  agentId: string,
  records: readonly Sealed[],
): Promise<void> {
  for (const one of records) {
    await database.asSuperuser(
      `insert into nora.given_secrets (workspace_id, agent_id, credential_id, secret_version, owner_id, provider,
         destination_hosts, key_version, sealed) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [
        one.workspaceId,
        agentId,
        one.id,
        one.secretVersion,
        one.ownerId,
        one.provider,
        one.destinationHosts,
        one.keyVersion,
        one.sealed,
      ],
    )
  }
}

/** `count` credentials of one owner under one key, with secrets that name their place in the list. */
export async function manyCredentials(
  database: TestDatabase,
  owner: Person,
  by: NumberedKey,
  count: number,
): Promise<Sealed[]> {
  const records: Sealed[] = []
  for (let i = 0; i < count; i++) records.push(await sealedFor(owner, by, { apiKey: `sk-secret-${i}` }))
  await storeCredentials(database, records)
  return records
}

/** Every credential as it is stored now, with the columns that its additional data is made of. */
export function storedCredentials(database: TestDatabase): Promise<(Sealed & { fingerprint: string })[]> {
  return database.asSuperuser(
    `select id, workspace_id as "workspaceId", owner_id as "ownerId", kind, provider, destination_hosts as "destinationHosts",
       key_version as "keyVersion", secret_version as "secretVersion", sealed, fingerprint from nora.credentials`,
  )
}
