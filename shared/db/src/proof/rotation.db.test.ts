import { createHash, randomBytes } from 'node:crypto'
import { type Person, person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { type TenantRows, tenantRows } from '@nora/testing/rows'
import { type Kysely, sql } from 'kysely'
import { beforeEach, expect, test } from 'vitest'
import { refusalOf } from '../actor.ts'
import {
  introduceKey,
  noteUnopened,
  type OldRecord,
  oldRecords,
  rotationState,
  storeResealed,
} from '../rotation.ts'
import type { DB } from '../schema.ts'

// What a statement that somebody smuggled into the worker's connection could do with the functions that re-seal: it can
// call them, and has no proof of the key.

const database = testDatabase()
const keyring = Buffer.alloc(32, 1)
const kid8: Buffer = Buffer.alloc(8, 2)
const [proofOfOne, proofOfTwo] = [randomBytes(32), randomBytes(32)]
const digest = (value: Buffer) => createHash('sha256').update(value).digest()
const keyOf = (version: number, proof: Buffer) => ({ version, kid8, verifier: digest(proof) })
let alice: Person
let rows: TenantRows

beforeEach(async () => {
  for (const table of ['key_rotations', 'sealing_keys', 'given_secrets', 'credentials']) {
    await database.asSuperuser(`delete from nora.${table}`)
  }
  alice = await person(database, 'alice')
  rows = await tenantRows(database, alice)
  await introduceKey(database.worker, keyOf(1, proofOfOne), [])
  await introduceKey(database.worker, keyOf(2, proofOfTwo), [proofOfOne])
})

const codeOf = (run: Promise<unknown>) =>
  run.then(
    () => 'it was allowed',
    (error: Error & { code?: string }) => refusalOf(error)?.code ?? error.code,
  )
const inTx = <T>(
  run: (tx: Parameters<typeof oldRecords>[0]) => Promise<T>,
  db: Kysely<DB> = database.worker,
) => db.transaction().execute(run)

/** A record whose first bytes say that the key of version 2 sealed it. */
const record = (version = 2, kid = kid8, length = 192) => {
  const head = Buffer.alloc(8)
  head.set([0x4e, 0x53, 1, 1])
  head.writeUInt32BE(version, 4)
  return Buffer.concat([head, kid, Buffer.alloc(length - 16, 9)])
}
const old = (): OldRecord => ({
  id: rows.credentialId,
  agentId: null,
  workspaceId: alice.workspaceId,
  ownerId: alice.userId,
  kind: 'llm',
  provider: 'openai',
  destinationHosts: [],
  keyVersion: 1,
  secretVersion: 1,
  sealed: Buffer.alloc(192, 1),
})
const store = (resealed: Buffer, over: Partial<OldRecord> = {}, version = 2, proof: Buffer = proofOfTwo) =>
  inTx((tx) =>
    storeResealed(tx, { version, proof }, [{ ...old(), ...over, resealed, fingerprint: '12345678' }]),
  )
const sealedNow = async () =>
  (await database.asSuperuser<{ sealed: Buffer }>('select sealed from nora.credentials'))[0]!.sealed

test.each([
  ['another proof', 2, randomBytes(32)],
  ['no proof', 2, null as unknown as Buffer],
  ['an empty one', 2, Buffer.alloc(0)],
  ['what Postgres keeps of it', 2, digest(proofOfTwo)],
  ['the proof of the older key', 2, proofOfOne],
  ['a key that nobody has made known', 3, proofOfTwo],
])('with %s nothing is read, changed or marked', async (_, version, proof) => {
  const key = { version, proof }
  expect(await codeOf(inTx((tx) => oldRecords(tx, key, keyring, 10)))).toBe('key-not-proven')
  expect(await codeOf(store(record(version), {}, version, proof))).toBe('key-not-proven')
  expect(await codeOf(inTx((tx) => noteUnopened(tx, key, keyring, old(), 'x')))).toBe('key-not-proven')
  expect(await codeOf(rotationState(database.worker, key, keyring))).toBe('key-not-proven')
  expect(await sealedNow()).toEqual(Buffer.alloc(192, 1))
})

test('nobody makes a key of their own the newest, or takes the place of a known one', async () => {
  const mine = randomBytes(32)
  const introduce = (version: number, known: Buffer[]) =>
    codeOf(introduceKey(database.worker, keyOf(version, mine), known))
  expect(await introduce(3, [])).toBe('key-not-introduced')
  expect(await introduce(3, [mine, digest(proofOfTwo), proofOfOne])).toBe('key-not-introduced')
  expect(await introduce(1, [proofOfTwo])).toBe('key-version-taken')
  expect(await introduce(2, [proofOfTwo])).toBe('key-version-taken')
  expect(
    await codeOf(
      introduceKey(database.worker, { ...keyOf(2, proofOfTwo), kid8: Buffer.alloc(8) }, [proofOfOne]),
    ),
  ).toBe('key-version-taken')
  expect(await introduceKey(database.worker, keyOf(2, proofOfTwo), [])).toBe(false)
  expect(await introduceKey(database.worker, keyOf(5, mine), [proofOfOne, proofOfTwo])).toBe(true)
  expect(await codeOf(introduceKey(database.worker, keyOf(4, mine), [mine]))).toBe('key-not-introduced')
})

test('even with the proof: only a record of that key, for the same secret, from an older key', async () => {
  const refused = [
    record(1),
    record(3),
    record(2, Buffer.alloc(8, 3)),
    Buffer.concat([Buffer.from('NS\x01\x00'), record().subarray(4)]),
    Buffer.alloc(192),
  ]
  for (const wrong of refused) expect(await codeOf(store(wrong))).toBe('record-not-of-this-key')
  const elsewhere = [
    { secretVersion: 2 },
    { keyVersion: 2 },
    { workspaceId: alice.userId },
    { id: alice.userId },
  ]
  for (const over of elsewhere) expect(await store(record(), over), JSON.stringify(over)).toBe(0)
  expect(await store(record(2, kid8, 256))).toBe(0)
  expect(await sealedNow()).toEqual(Buffer.alloc(192, 1))
  expect(await store(record())).toBe(1)
  expect(await store(record())).toBe(0)
  // Back to the older key, with that key's own proof.
  expect(await store(record(1), { keyVersion: 2 }, 1, proofOfOne)).toBe(0)
  expect(await sealedNow()).toEqual(record())
})

test('what the worker could not do before it cannot do now', async () => {
  const { credentialId } = rows
  const direct = [
    sql`update nora.credentials set sealed = ${record()} where id = ${credentialId}`,
    sql`update nora.credentials set key_version = 2 where id = ${credentialId}`,
    sql`update nora.credentials set unopened = ${keyring} where id = ${credentialId}`,
    sql`update nora.given_secrets set sealed = ${record()}`,
    sql`update nora.given_secrets set unopened = ${keyring}`,
    sql`select * from nora.sealing_keys`,
    sql`delete from nora.sealing_keys`,
    sql`insert into nora.sealing_keys (version, kid8, verifier) values (9, ${kid8}, ${keyring})`,
    sql`select * from nora.key_rotations`,
    sql`update nora.key_rotations set finished_at = null`,
    sql`select nora.require_key(2, ${randomBytes(32)})`,
  ]
  for (const statement of direct) expect(await codeOf(statement.execute(database.worker))).toBe('42501')
})

test('the api’s role may call none of them', async () => {
  const key = { version: 2, proof: proofOfTwo }
  const { app } = database
  for (const call of [
    () => introduceKey(app, keyOf(3, proofOfOne), [proofOfTwo]),
    () => inTx((tx) => oldRecords(tx, key, keyring, 10), app),
    () => inTx((tx) => storeResealed(tx, key, []), app),
    () => inTx((tx) => noteUnopened(tx, key, keyring, old(), 'x'), app),
    () => rotationState(app, key, keyring),
    () => sql`select * from nora.sealed_counts()`.execute(app),
    () => sql`select unopened from nora.credentials`.execute(app),
    () => sql`select * from nora.sealing_keys`.execute(app),
  ]) {
    expect(await codeOf(call())).toBe('42501')
  }
})

test('a look for rows of an older key uses the index', async () => {
  await database.asSuperuser(
    `insert into nora.credentials (workspace_id, owner_id, kind, provider, label, sealed, key_version, fingerprint)
     select workspace_id, owner_id, kind, provider, label, sealed, 2, fingerprint from nora.credentials, generate_series(1, 5000)`,
  )
  await database.asSuperuser('analyze nora.credentials')
  const plan = await database.asSuperuser<{ 'QUERY PLAN': string }>(
    'explain select 1 from nora.credentials where key_version < 2 and unopened is distinct from sha256($$x$$::bytea) limit 1',
  )
  expect(plan.map((line) => line['QUERY PLAN']).join('\n')).toContain('credentials_key_version')
})
