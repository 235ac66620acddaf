import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { OperationActor } from '@nora/db/actor'
import { createLogger } from '@nora/log/logger'
import type { SecretFile } from '@nora/runtimes/runtime'
import { type Person, person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import Docker from 'dockerode'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Target } from '../backends/backend.ts'
import { dockerBackend } from '../backends/docker/backend.ts'
import { type DeliverDeps, deliverKeys } from './deliver-keys.ts'
import { attach, finish, keyring, leased, storeAgent, storeKey, targetOf } from './testing/arrange.ts'

const database = testDatabase()
const never = new AbortController().signal
let keysDir: string
let alice: Person
let bob: Person
let agentId: string
let deps: DeliverDeps
let logged: string[]
/** The very buffers that were handed to the backend. */
let handed: SecretFile[]

beforeAll(async () => {
  keysDir = await mkdtemp('/dev/shm/nora-test-keys-')
  alice = await person(database, 'alice')
  bob = await person(database, 'bob')
})
afterAll(() => rm(keysDir, { recursive: true, force: true }))

beforeEach(async () => {
  logged = []
  handed = []
  const log = createLogger({ service: 'test', level: 'debug', destination: { write: (l) => logged.push(l) } })
  const options = {
    docker: new Docker(),
    installation: 'test',
    pool: '10.99.0.0/24',
    keysDir,
    dataDir: keysDir,
    log,
  }
  const { writeSecrets } = dockerBackend(options)
  deps = {
    db: database.worker,
    log,
    keyring,
    backend: {
      async writeSecrets(target: Target, files: SecretFile[], signal: AbortSignal) {
        handed.push(...files)
        await writeSecrets(target, files, signal)
      },
    },
  }
  agentId = await storeAgent(database, alice)
})

async function deliver() {
  const actor = await leased(database, alice, { agent: agentId })
  try {
    return await deliverKeys(deps, actor, targetOf(alice, agentId), never)
  } finally {
    await finish(database, actor)
  }
}
const folder = () => join(keysDir, agentId)
const keysFile = async () => JSON.parse(await readFile(join(folder(), 'keys.json'), 'utf8'))
const auditOf = (target: string) =>
  database.asSuperuser('select * from nora.audit_log where target_id = $1 order by seq', [target])

test('no key attached: an empty keys.json, and it is recorded', async () => {
  expect(await deliver()).toEqual({ keysVersion: 1, delivered: [] })
  expect(await keysFile()).toEqual({ version: 1, keys: [] })
  expect(await readdir(folder())).toEqual(['keys.json'])
  expect((await auditOf(agentId)).map((row) => row['event_type'])).toEqual(['KEY_SYNCED'])
})

test('delivers the attached keys, records what is true, wipes every buffer', async () => {
  const id = await storeKey(database, alice, { apiKey: 'sk-first', model: 'm"1' })
  await attach(database, alice, agentId, id)
  expect(await deliver()).toEqual({ keysVersion: 1, delivered: [{ credentialId: id, secretVersion: 1 }] })

  expect((await keysFile()).keys).toMatchObject([
    { id, provider: 'openai', apiKey: 'sk-first', model: 'm"1' },
  ])
  expect((await stat(join(folder(), 'keys.json'))).mode & 0o777).toBe(0o400)
  expect((await stat(join(folder(), 'keys.json'))).uid).toBe(10_001)
  expect(handed.length).toBe(2)
  expect(handed.every((file) => file.content.every((byte) => byte === 0))).toBe(true)

  const [agent] = await database.asSuperuser('select keys_version from nora.agents where id = $1', [agentId])
  expect(agent).toEqual({ keys_version: 1 })
  const [key] = await database.asSuperuser('select last_used_at from nora.credentials where id = $1', [id])
  expect(key!['last_used_at']).toBeInstanceOf(Date)
  const [held] = await database.asSuperuser(
    'select synced_secret_version, synced_at from nora.agent_credentials where agent_id = $1',
    [agentId],
  )
  expect(held).toMatchObject({ synced_secret_version: 1, synced_at: expect.any(Date) })
  const events = await database.asSuperuser('select type, data from nora.events where agent_id = $1', [
    agentId,
  ])
  expect(events.map((event) => event['type'])).toEqual(['keys.synced'])
  expect(JSON.stringify([events, await auditOf(agentId), logged])).not.toContain('sk-first')
})

test('a replaced key arrives with the next delivery; a detached one goes', async () => {
  const id = await storeKey(database, alice, { apiKey: 'sk-first' })
  const other = await storeKey(database, alice, { apiKey: 'sk-other' })
  await attach(database, alice, agentId, id)
  await attach(database, alice, agentId, other)
  await deliver()
  await storeKey(database, alice, { apiKey: 'sk-second' }, { id, version: 2 })
  await database.asSuperuser('delete from nora.agent_credentials where credential_id = $1', [other])
  expect((await deliver()).delivered).toEqual([{ credentialId: id, secretVersion: 2 }])
  expect(await keysFile()).toMatchObject({ version: 2, keys: [{ id, apiKey: 'sk-second' }] })
  expect((await readdir(folder())).sort()).toEqual([`key-${id}`, 'keys.json'])
  const given = await database.asSuperuser(
    'select secret_version, superseded_at is null as held from nora.given_secrets where agent_id = $1 order by seq',
    [agentId],
  )
  expect(given).toEqual([
    { secret_version: 1, held: false },
    { secret_version: 1, held: false },
    { secret_version: 2, held: true },
  ])
})

const setMember = (member: boolean) =>
  database.asSuperuser(
    member
      ? `insert into nora.memberships (workspace_id, user_id, role) values ($1, $2, 'editor')`
      : 'delete from nora.memberships where workspace_id = $1 and user_id = $2',
    [alice.workspaceId, bob.userId],
  )

test('a shared key is given for as long as its owner is a member', async () => {
  await setMember(true)
  const id = await storeKey(database, { ...bob, workspaceId: alice.workspaceId }, { apiKey: 'sk-of-bob' })
  await attach(database, alice, agentId, id)
  const share = (shared: boolean) =>
    database.asSuperuser('update nora.credentials set shared_with_workspace = $2 where id = $1', [id, shared])
  await share(true)
  expect(await deliver()).toMatchObject({ delivered: [{ credentialId: id }] })
  await setMember(false)
  expect(await deliver()).toMatchObject({ delivered: [], problem: { credentialId: id } })
  expect((await keysFile()).keys).toEqual([])
})

test('a key of somebody else is not given unless shared, and goes when it is no longer shared', async () => {
  const id = await storeKey(database, bob, { apiKey: 'sk-of-bob' })
  await database.asSuperuser('update nora.credentials set workspace_id = $2 where id = $1', [
    id,
    alice.workspaceId,
  ])
  await attach(database, alice, agentId, id)
  const refused = await deliver()
  expect(refused).toMatchObject({ keysVersion: 1, delivered: [], problem: { credentialId: id } })
  expect((await keysFile()).keys).toEqual([])
  expect((await auditOf(agentId))[0]!['details']).toMatchObject({ refused: [id] })

  // Shared by somebody who does not belong here is not shared.
  await database.asSuperuser('update nora.credentials set shared_with_workspace = true where id = $1', [id])
  expect(await deliver()).toMatchObject({ delivered: [], problem: { credentialId: id } })

  // By a member, policies let it through: but the seal binds the workspace it was stored in.
  await setMember(true)
  expect(await deliver()).toMatchObject({
    delivered: [],
    problem: { reason: expect.stringContaining('changed') },
  })
  expect((await keysFile()).keys).toEqual([])
})

test.each([
  ['ciphertext', `sealed = set_byte(sealed, 80, get_byte(sealed, 80) # 1)`, 'changed'],
  ['base URL', `base_url = 'https://evil.example/v1'`, 'changed'],
  ['destination', `destination_hosts = '{evil.example}'`, 'changed'],
  ['owner rule aside, the provider', `provider = 'openrouter'`, 'changed'],
  ['version', `secret_version = 7`, 'changed'],
  ['unknown key', `sealed = overlay(sealed placing '\\x00000009' from 5 for 4)`, 'does not have'],
  ['header', `sealed = set_byte(sealed, 0, 0)`, 'damaged'],
])('a row whose %s was tampered with: the agent keeps what it has', async (_, change, words) => {
  const id = await storeKey(database, alice, { apiKey: 'sk-good' })
  await attach(database, alice, agentId, id)
  await deliver()
  const before = await readFile(join(folder(), 'keys.json'), 'utf8')
  await database.asSuperuser(`update nora.credentials set ${change} where id = $1`, [id])
  const result = await deliver()
  expect(result).toEqual({
    keysVersion: 1,
    delivered: [],
    problem: { credentialId: id, reason: expect.stringContaining(words) },
  })
  expect(await readFile(join(folder(), 'keys.json'), 'utf8')).toBe(before)
  expect((await auditOf(id)).map((row) => row['event_type'])).toEqual(['SECRET_OPEN_FAILED'])
  expect((await auditOf(agentId)).map((row) => row['event_type'])).toEqual(['KEY_SYNCED', 'KEY_SYNC_FAILED'])
  expect(logged.join()).toContain('secret-open-failed')
  expect(JSON.stringify([await auditOf(id), logged])).not.toContain('sk-good')
})

test('of keys replaced over and over only the newest old ones are kept to be searched for', async () => {
  const id = await storeKey(database, alice, { apiKey: 'sk-1' })
  await attach(database, alice, agentId, id)
  for (let version = 1; version <= 23; version++) {
    if (version > 1) await storeKey(database, alice, { apiKey: `sk-${version}` }, { id, version })
    await deliver()
  }
  const [kept] = await database.asSuperuser(
    `select count(*)::int as n, min(secret_version) as oldest from nora.given_secrets where agent_id = $1`,
    [agentId],
  )
  expect(kept).toEqual({ n: 21, oldest: 3 })
})

test('says once too often, and lets nothing more out', async () => {
  deps.releaseLimit = { count: 2, seconds: 600 }
  await deliver()
  await deliver()
  await expect(deliver()).rejects.toMatchObject({ code: 'rate-limited' })
  expect((await keysFile()).version).toBe(2)
  expect(logged.join()).toContain('key-release-rate')
})

test('an operation that lost its lease delivers nothing', async () => {
  const actor = await leased(database, alice, { agent: agentId })
  const stolen: OperationActor = { ...actor, attempt: actor.attempt + 1 }
  await expect(deliverKeys(deps, stolen, targetOf(alice, agentId), never)).rejects.toMatchObject({
    code: 'NR409',
  })
  await expect(readdir(folder())).rejects.toMatchObject({ code: 'ENOENT' })
  await finish(database, actor)
})

test('a credential that is deleted takes our copies with it', async () => {
  const id = await storeKey(database, alice, { apiKey: 'sk-first' })
  await attach(database, alice, agentId, id)
  await deliver()
  await database.asSuperuser('delete from nora.credentials where id = $1', [id])
  expect(
    await database.asSuperuser('select 1 from nora.given_secrets where agent_id = $1', [agentId]),
  ).toEqual([])
})
