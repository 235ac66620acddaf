import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { introduceKey, type NewRecord, oldRecords, storeResealed } from '@nora/db/rotation'
import { createLogger } from '@nora/log/logger'
import { type Person, person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { waitUntil } from '@nora/testing/wait-until'
import pg from 'pg'
import { beforeEach, expect, test } from 'vitest'
import { openFields, type Sealed } from '../secrets/open-secret.ts'
import { reseal } from './reseal.ts'
import { type RotationDeps, resealBatch } from './rotate.ts'
import { keyringId, verifierOf } from './rotation-keys.ts'
import { keysOf, manyCredentials, numberedKey, sealedFor, storedCredentials } from './testing/sealed-rows.ts'

// What happens to rows while they are re-sealed: they are replaced, deleted, read, and the worker dies.

const database = testDatabase()
const never = new AbortController().signal
const [first, second] = [numberedKey(1), numberedKey(2)]
let alice: Person
let deps: RotationDeps

beforeEach(async () => {
  await database.asSuperuser('delete from nora.credentials')
  alice = await person(database, 'alice')
  deps = {
    db: database.worker,
    log: createLogger({ service: 'test', level: 'error' }),
    ...keysOf(second, first),
  }
  const { sealKey, proof } = deps.rotation
  await introduceKey(deps.db, { version: 2, kid8: sealKey.kid8, verifier: verifierOf(proof) }, [])
})

const apiKeyOf = async (row: Sealed) => (await openFields(deps.keyring, row))['apiKey']?.toString()

/** A person replaces a secret, in a transaction that is still open; `commit` ends it. */
async function replacing(record: Sealed, apiKey: string) {
  const next = await sealedFor(alice, first, { apiKey }, { id: record.id, secretVersion: 2 })
  const client = new pg.Client(database.superuserUrl)
  await client.connect()
  await client.query('begin')
  const done = client.query(
    'update nora.credentials set sealed = $2, secret_version = 2, key_version = 1 where id = $1 and secret_version = 1',
    [record.id, next.sealed],
  )
  return {
    done,
    async commit() {
      const { rowCount } = await done
      await client.query('commit')
      await client.end()
      return rowCount
    },
  }
}

test('a secret that is being replaced is left alone, and re-sealed once it is', async () => {
  const [record, other] = (await manyCredentials(database, alice, first, 2)) as [Sealed, Sealed]
  const change = await replacing(record, 'sk-replaced')
  await change.done
  expect(await resealBatch(deps, never)).toEqual({ read: 1, resealed: 1, unopened: 0 })
  expect(await change.commit()).toBe(1)
  expect(await resealBatch(deps, never)).toEqual({ read: 1, resealed: 1, unopened: 0 })
  const rows = await storedCredentials(database)
  expect(rows.map((row) => [row.id, row.keyVersion]).sort()).toEqual(
    [record.id, other.id].sort().map((id) => [id, 2]),
  )
  expect(await apiKeyOf(rows.find((row) => row.id === record.id)!)).toBe('sk-replaced')
})

test('a replacement that comes while its row is in a batch waits for it, and wins', async () => {
  const [record] = (await manyCredentials(database, alice, first, 1)) as [Sealed]
  const key = { version: 2, proof: deps.rotation.proof }
  const change = await deps.db.transaction().execute(async (tx) => {
    const [row] = await oldRecords(tx, key, keyringId(deps.keyring), 10)
    const waits = await replacing(record, 'sk-replaced')
    await blocked()
    expect(await storeResealed(tx, key, [await reseal(deps.keyring, deps.rotation.sealKey, row!)])).toBe(1)
    return waits
  })
  expect(await change.commit()).toBe(1)
  await resealBatch(deps, never)
  const [row] = await storedCredentials(database)
  expect([row!.secretVersion, row!.keyVersion, await apiKeyOf(row!)]).toEqual([2, 2, 'sk-replaced'])
})

const blocked = () =>
  waitUntil('a statement to wait for the lock', async () => {
    const rows = await database.asSuperuser(
      `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
    return rows.length > 0
  })

test('a result that comes too late changes nothing: secret, key version or the row itself are others by then', async () => {
  const records = (await manyCredentials(database, alice, first, 3)) as [Sealed, Sealed, Sealed]
  const late: NewRecord[] = []
  for (const record of records) {
    late.push(await reseal(deps.keyring, deps.rotation.sealKey, { ...record, agentId: null }))
  }
  const change = await replacing(records[0], 'sk-replaced')
  await change.commit()
  await database.asSuperuser('delete from nora.credentials where id = $1', [records[1].id])
  const key = { version: 2, proof: deps.rotation.proof }
  const store = () => deps.db.transaction().execute((tx) => storeResealed(tx, key, late))
  expect(await store()).toBe(1)
  expect(await store()).toBe(0)
  const rows = await storedCredentials(database)
  expect(rows.map((row) => row.id).sort()).toEqual([records[0].id, records[2].id].sort())
  expect(await apiKeyOf(rows.find((row) => row.id === records[0].id)!)).toBe('sk-replaced')
})

test('a worker that stops within a batch leaves every row as it was, at whichever row it is', async () => {
  const records = await manyCredentials(database, alice, first, 4)
  const before = await storedCredentials(database)
  for (let at = 0; at < records.length; at++) {
    const stop = new AbortController()
    const stopping = { ...deps, keyring: { ...deps.keyring } }
    let looked = 0
    Object.defineProperty(stopping.keyring, 'allowPlaintext', {
      get() {
        // Looked at once for the keyring's id, then once a record.
        if (looked++ === at + 1) stop.abort(new Error('the worker stops'))
        return false
      },
    })
    await expect(resealBatch(stopping, stop.signal)).rejects.toThrow('the worker stops')
    expect(await storedCredentials(database)).toEqual(before)
  }
  expect(await resealBatch(deps, never)).toEqual({ read: 4, resealed: 4, unopened: 0 })
})

test('killed at any moment it leaves whole rows, and the next one ends the work', async () => {
  const records = await manyCredentials(database, alice, first, 150)
  const expected = new Map(records.map(({ id }, i) => [id, `sk-secret-${i}`]))
  for (const kills of [1, 3, 5]) {
    await rotateAndKill(kills)
    const rows = await storedCredentials(database)
    expect(await Promise.all(rows.map(apiKeyOf))).toEqual(rows.map(({ id }) => expected.get(id)))
  }
  const between = (await storedCredentials(database)).filter((row) => row.keyVersion === 2).length
  expect(between).toBeGreaterThan(0)
  expect(between).toBeLessThan(150)
  expect(await rotateAndKill(Number.POSITIVE_INFINITY)).toBe(0)
  const rows = await storedCredentials(database)
  expect(rows.every((row) => row.keyVersion === 2)).toBe(true)
  expect(await Promise.all(rows.map(apiKeyOf))).toEqual(rows.map(({ id }) => expected.get(id)))
})

/** A worker's rotation as a process, killed once it has said that it did `batches` of ten rows; gives its exit code. */
async function rotateAndKill(batches: number): Promise<number | null> {
  const path = fileURLToPath(new URL('testing/rotate-process.ts', import.meta.url))
  const child = spawn(process.execPath, [path], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exit = once(child, 'exit')
  const keys = [second, first].map(({ version, key }) => ({ version, key: key.toString('hex') }))
  // One more than it is to say: the kill comes while it is at that, or after it.
  child.stdin.end(JSON.stringify({ databaseUrl: database.workerUrl, keys, rows: 10, most: batches + 1 }))
  let said = 0
  for await (const _line of createInterface(child.stdout)) {
    said += 1
    if (said === batches) child.kill('SIGKILL')
  }
  const [code] = await exit
  return code as number | null
}

test('whoever reads meanwhile always opens what is there', async () => {
  const records = await manyCredentials(database, alice, first, 60)
  const expected = new Map(records.map(({ id }, i) => [id, `sk-secret-${i}`]))
  const versions = new Set<number>()
  const look = async () => {
    const rows = await storedCredentials(database)
    expect(rows).toHaveLength(60)
    for (const row of rows) {
      versions.add(row.keyVersion)
      expect(await apiKeyOf(row)).toBe(expected.get(row.id))
    }
  }
  for (let read = 1; read > 0; ) {
    const [batch] = await Promise.all([resealBatch(deps, never, 5), look()])
    read = batch.read
  }
  expect(versions).toEqual(new Set([1, 2]))
})

test('several workers at once: each row once, none left', async () => {
  await manyCredentials(database, alice, first, 120)
  const drain = async () => {
    let resealed = 0
    for (let read = 1; read > 0; ) {
      const batch = await resealBatch(deps, never, 7)
      resealed += batch.resealed
      read = batch.read
    }
    return resealed
  }
  const counts = await Promise.all([drain(), drain(), drain()])
  expect(counts.reduce((sum, n) => sum + n, 0)).toBe(120)
  expect((await storedCredentials(database)).every((row) => row.keyVersion === 2)).toBe(true)
})
