import { credentialAad } from '@nora/crypto/aad'
import { fingerprint } from '@nora/crypto/fingerprint'
import { sealPlaintext } from '@nora/crypto/seal-plaintext'
import { beatWorker, removeWorker } from '@nora/db/registry'
import { sealedCounts } from '@nora/db/rotation'
import { createLogger } from '@nora/log/logger'
import { type Person, person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { beforeEach, expect, test } from 'vitest'
import { openFields, type Sealed } from '../secrets/open-secret.ts'
import { storeAgent } from '../secrets/testing/arrange.ts'
import { type RotationDeps, rotator } from './rotate.ts'
import {
  keysOf,
  manyCredentials,
  numberedKey,
  sealedFor,
  sealingOf,
  storeCredentials,
  storedCredentials,
  storeGiven,
} from './testing/sealed-rows.ts'

const database = testDatabase()
const never = new AbortController().signal
const [first, second, third] = [numberedKey(1), numberedKey(2), numberedKey(3)]
let logged: string[]
let alice: Person

beforeEach(async () => {
  logged = []
  for (const table of ['key_rotations', 'sealing_keys', 'given_secrets', 'credentials', 'workers']) {
    await database.asSuperuser(`delete from nora.${table}`)
  }
  alice = await person(database, 'alice')
})

function worker(...keys: Parameters<typeof keysOf>): RotationDeps {
  const log = createLogger({ service: 'test', level: 'debug', destination: { write: (l) => logged.push(l) } })
  return { db: database.worker, log, ...keysOf(...keys) }
}

/** Rounds until there is nothing to do at once. */
async function rotate(deps: RotationDeps): Promise<void> {
  const round = rotator(deps)
  while (await round(never));
}

const apiKeyOf = async (deps: RotationDeps, row: Sealed) =>
  (await openFields(deps.keyring, row))['apiKey']?.toString()

const audits = (type: string) =>
  database.asSuperuser<{ details: Record<string, unknown> }>(
    `select details from nora.audit_log where event_type = $1 and ts > (select max(created_at) from nora.users)`,
    [type],
  )

test('every row is sealed with the current key, opens with it alone, and is compared anew', async () => {
  const made = await manyCredentials(database, alice, first, 5)
  const newer = await sealedFor(alice, second, { apiKey: 'sk-secret-already' })
  await storeCredentials(database, [newer])
  await rotate(worker(second, first))
  const onlyNew = worker(second)
  const stored = await storedCredentials(database)
  expect(stored.map((row) => row.keyVersion)).toEqual(Array(6).fill(2))
  for (const [i, { id }] of made.entries()) {
    const row = stored.find((one) => one.id === id)!
    expect(await apiKeyOf(onlyNew, row)).toBe(`sk-secret-${i}`)
    expect(row.secretVersion).toBe(1)
    expect(row.fingerprint).toBe(fingerprint(sealingOf(second).sealKey, Buffer.from(`sk-secret-${i}`)))
  }
  const untouched = stored.find((one) => one.id === newer.id)!
  expect([untouched.sealed, untouched.fingerprint]).toEqual([newer.sealed, '00000000'])
  expect(await sealedCounts(database.worker)).toEqual([
    { keyVersion: 2, credentials: 6, givenSecrets: 0, unopened: 0 },
  ])
})

test('what an agent was given is sealed anew as well, every version of it', async () => {
  const agentId = await storeAgent(database, alice)
  const now = await sealedFor(alice, first, { apiKey: 'sk-secret-new' }, { secretVersion: 2 })
  const before = await sealedFor(alice, first, { apiKey: 'sk-secret-old' }, { id: now.id })
  await storeCredentials(database, [now])
  await storeGiven(database, agentId, [before, now])
  await rotate(worker(second, first))
  const given = await database.asSuperuser<Sealed>(
    `select credential_id as id, workspace_id as "workspaceId", owner_id as "ownerId", kind, provider,
       destination_hosts as "destinationHosts", key_version as "keyVersion", secret_version as "secretVersion", sealed
     from nora.given_secrets order by secret_version`,
  )
  expect(given.map((row) => row.keyVersion)).toEqual([2, 2])
  expect(await Promise.all(given.map((row) => apiKeyOf(worker(second), row)))).toEqual([
    'sk-secret-old',
    'sk-secret-new',
  ])
})

test('start and finish are audited once, whoever finishes, and stragglers of the old key follow', async () => {
  await manyCredentials(database, alice, first, 3)
  await Promise.all([rotate(worker(second, first)), rotate(worker(second, first))])
  await rotate(worker(second, first))
  expect((await audits('KEY_ROTATION_STARTED')).map((row) => row.details)).toEqual([{ keyVersion: 2 }])
  expect((await audits('KEY_ROTATION_FINISHED')).map((row) => row.details)).toEqual([
    { keyVersion: 2, resealed: 3, unopened: 0 },
  ])
  // The api still seals with the old key for a while.
  await manyCredentials(database, alice, first, 2)
  await rotate(worker(second, first))
  expect(await sealedCounts(database.worker)).toEqual([
    { keyVersion: 2, credentials: 5, givenSecrets: 0, unopened: 0 },
  ])
  expect(await audits('KEY_ROTATION_FINISHED')).toHaveLength(1)
})

test('rows of several older keys, and a worker of an older key never takes one back', async () => {
  await manyCredentials(database, alice, first, 2)
  await manyCredentials(database, alice, second, 2)
  await rotate(worker(second, first))
  await rotate(worker(third, second, first))
  expect((await storedCredentials(database)).map((row) => row.keyVersion)).toEqual([3, 3, 3, 3])
  const before = await storedCredentials(database)
  await rotate(worker(second, first))
  expect(await storedCredentials(database)).toEqual(before)
})

test('a row that does not open is reported once and keeps nobody waiting; replaced, it follows', async () => {
  const good = await manyCredentials(database, alice, first, 3)
  const moved = await sealedFor(alice, first, { apiKey: 'sk-secret-moved' })
  const [damaged] = await manyCredentials(database, alice, first, 1)
  await storeCredentials(database, [{ ...moved, id: alice.userId }])
  await database.asSuperuser(
    `update nora.credentials set sealed = set_byte(sealed, 100, 255 - get_byte(sealed, 100)) where id = $1`,
    [damaged!.id],
  )
  for (let i = 0; i < 3; i++) await rotate(worker(second, first))
  const stored = await storedCredentials(database)
  expect(
    stored
      .filter((row) => row.keyVersion === 2)
      .map((row) => row.id)
      .sort(),
  ).toEqual(good.map((row) => row.id).sort())
  const events = await audits('SECRET_OPEN_FAILED')
  expect(events.map(({ details }) => details['credentialId']).sort()).toEqual(
    [damaged!.id, alice.userId].sort(),
  )
  expect(events[0]!.details).toMatchObject({ keyVersion: 1, secretVersion: 1, during: 'key rotation' })
  expect((await audits('KEY_ROTATION_FINISHED')).map((row) => row.details)).toEqual([
    { keyVersion: 2, resealed: 3, unopened: 2 },
  ])
  expect(await sealedCounts(database.worker)).toContainEqual({
    keyVersion: 1,
    credentials: 2,
    givenSecrets: 0,
    unopened: 2,
  })
  expect(logged.join('')).not.toContain('sk-secret')
  const replaced = await sealedFor(
    alice,
    first,
    { apiKey: 'sk-secret-again' },
    { id: damaged!.id, secretVersion: 2 },
  )
  await database.asSuperuser('update nora.credentials set sealed = $2, secret_version = 2 where id = $1', [
    damaged!.id,
    replaced.sealed,
  ])
  await rotate(worker(second, first))
  const again = (await storedCredentials(database)).find((row) => row.id === damaged!.id)!
  expect(await apiKeyOf(worker(second), again)).toBe('sk-secret-again')
})

test('a row of a key that this worker lacks waits for one that has it', async () => {
  await manyCredentials(database, alice, first, 2)
  await rotate(worker(third, second))
  expect((await storedCredentials(database)).map((row) => row.keyVersion)).toEqual([1, 1])
  expect(await audits('SECRET_OPEN_FAILED')).toHaveLength(2)
  await rotate(worker(third, second, first))
  expect((await storedCredentials(database)).map((row) => row.keyVersion)).toEqual([3, 3])
})

test('a row that was stored unsealed is sealed where that was allowed, and reported where it was not', async () => {
  const row = await sealedFor(alice, first, { apiKey: 'sk-secret-plain' })
  const place = { ...row, keyVersion: 0 }
  const aad = credentialAad({ ...place, table: 'credentials', column: 'sealed', rowId: row.id })
  const secret = Buffer.from('{"apiKey":"sk-secret-plain"}')
  await storeCredentials(database, [row])
  await database.asSuperuser(
    'update nora.credentials set sealed = $2, suite = 0, key_version = 0 where id = $1',
    [row.id, sealPlaintext(secret, aad, { allowPlaintext: true })],
  )
  await rotate(worker(second, first))
  expect((await audits('SECRET_OPEN_FAILED'))[0]!.details).toMatchObject({ keyVersion: 0 })
  const deps = worker(second, first)
  await rotate({ ...deps, keyring: { ...deps.keyring, allowPlaintext: true } })
  const [stored] = await storedCredentials(database)
  expect(stored!.keyVersion).toBe(2)
  expect(await apiKeyOf(worker(second), stored!)).toBe('sk-secret-plain')
})

test('nothing is re-sealed while a live worker does not open the new key yet', async () => {
  await manyCredentials(database, alice, first, 2)
  const { openKey } = sealingOf(first)
  const beat = {
    id: 'old',
    kid8: openKey.kid8,
    keyVersion: 1,
    opens: openKey.kid8,
    internalUrl: 'http://127.0.0.1:1',
  }
  await beatWorker(database.worker, beat)
  await rotate(worker(second, first))
  expect((await storedCredentials(database)).map((row) => row.keyVersion)).toEqual([1, 1])
  expect(logged.join('')).toContain('wait until every worker has this key')
  await removeWorker(database.worker, 'old')
  await rotate(worker(second, first))
  expect((await storedCredentials(database)).map((row) => row.keyVersion)).toEqual([2, 2])
})

test('a key that takes the place of another, or comes without the one before, is refused with what to do', async () => {
  await rotate(worker(second, first))
  await expect(rotate(worker(numberedKey(2)))).rejects.toThrow(
    'ENCRYPTION_KEYS_PREVIOUS must list every older number',
  )
  await expect(rotate(worker(third))).rejects.toThrow(
    'the key before it must stand in ENCRYPTION_KEYS_PREVIOUS',
  )
  await rotate(worker(third, second))
})

test('without older keys a worker makes its own known and touches no row', async () => {
  await manyCredentials(database, alice, first, 1)
  await rotate(worker(second))
  expect((await storedCredentials(database)).map((row) => row.keyVersion)).toEqual([1])
  expect(await audits('ENCRYPTION_KEY_INTRODUCED')).toHaveLength(1)
})
