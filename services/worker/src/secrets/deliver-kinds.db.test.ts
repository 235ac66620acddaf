import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { credentialAad } from '@nora/crypto/aad'
import { sealPlaintext } from '@nora/crypto/seal-plaintext'
import { createLogger } from '@nora/log/logger'
import { type Person, person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import Docker from 'dockerode'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { dockerBackend } from '../backends/docker/backend.ts'
import { type DeliverDeps, deliverKeys } from './deliver-keys.ts'
import { loadScrubber } from './given-scrubber.ts'
import { attach, finish, keyring, leased, storeAgent, storeKey, targetOf } from './testing/arrange.ts'

const database = testDatabase()
const never = new AbortController().signal
let keysDir: string
let alice: Person
let bob: Person
let agentId: string
let deps: DeliverDeps

beforeAll(async () => {
  keysDir = await mkdtemp('/dev/shm/nora-test-kinds-')
  alice = await person(database, 'alice')
  bob = await person(database, 'bob')
  await database.asSuperuser(
    `insert into nora.memberships (workspace_id, user_id, role) values ($1, $2, 'admin')`,
    [alice.workspaceId, bob.userId],
  )
  const log = createLogger({ service: 'test', level: 'silent' })
  const options = {
    docker: new Docker(),
    installation: 'test',
    pool: '10.99.0.0/24',
    keysDir,
    dataDir: keysDir,
    log,
  }
  deps = { db: database.worker, log, keyring, backend: dockerBackend(options) }
})
afterAll(() => rm(keysDir, { recursive: true, force: true }))
beforeEach(async () => {
  agentId = await storeAgent(database, alice)
})

async function deliver(over: Partial<DeliverDeps> = {}, input = {}) {
  const actor = await leased(database, alice, { agent: agentId })
  await database.asSuperuser('update nora.operations set input = $2 where id = $1', [
    actor.operationId,
    input,
  ])
  try {
    return await deliverKeys({ ...deps, ...over }, actor, targetOf(alice, agentId), never)
  } finally {
    await finish(database, actor)
  }
}
const keysFile = async () => JSON.parse(await readFile(join(keysDir, agentId, 'keys.json'), 'utf8')).keys
const binance = (owner: Person, secret = { apiKey: 'k-1', apiSecret: 's-1' }) =>
  storeKey(database, owner, secret, { kind: 'exchange', provider: 'binance', hosts: ['api.binance.com'] })
const set = (id: string, change: string) =>
  database.asSuperuser(`update nora.credentials set ${change} where id = $1`, [id])

test('an agent is given every kind, with its kind, and for an exchange what it may do there', async () => {
  const key = await storeKey(database, alice, { apiKey: 'sk-1' })
  const github = await storeKey(
    database,
    alice,
    { token: 'ghp-1' },
    { kind: 'integration', provider: 'github', hosts: ['api.github.com'] },
  )
  const exchange = await binance(alice)
  for (const id of [key, github, exchange]) await attach(database, alice, agentId, id)
  await deliver()
  expect(await keysFile()).toMatchObject([
    { id: key, kind: 'llm', provider: 'openai', apiKey: 'sk-1' },
    {
      id: github,
      kind: 'integration',
      provider: 'github',
      baseUrl: 'https://api.github.com',
      token: 'ghp-1',
    },
    { id: exchange, kind: 'exchange', permission: 'read_only', apiKey: 'k-1', apiSecret: 's-1' },
  ])
  expect((await keysFile())[0]).not.toHaveProperty('permission')
  await set(exchange, `permission = 'trading_enabled'`)
  await deliver()
  expect((await keysFile())[2]).toMatchObject({ permission: 'trading_enabled' })
  await set(exchange, `permission = 'read_only'`)
  await deliver()
  expect((await keysFile())[2]).toMatchObject({ permission: 'read_only' })
})

test('a permission that is taken back is not held up by syncs that somebody asks for all the time', async () => {
  const id = await binance(alice)
  await attach(database, alice, agentId, id)
  await set(id, `permission = 'trading_enabled'`)
  const releaseLimit = { count: 2, seconds: 600 }
  await deliver({ releaseLimit })
  await deliver({ releaseLimit })
  await set(id, `permission = 'read_only'`)
  await expect(deliver({ releaseLimit })).rejects.toMatchObject({ code: 'rate-limited' })
  await deliver({ releaseLimit }, { takesKeyBack: true })
  expect(await keysFile()).toMatchObject([{ permission: 'read_only' }])
  await database.asSuperuser('update nora.agents set keys_owed = true where id = $1', [agentId])
  await deliver({ releaseLimit })
  // That has its own end, or it would be the way around the limit.
  await expect(deliver({ releaseLimit }, { takesKeyBack: true })).rejects.toMatchObject({
    code: 'rate-limited',
  })
})

test('nor by another key that does not open: the agent loses that one, and says so', async () => {
  const exchange = await binance(alice)
  const broken = await storeKey(database, alice, { apiKey: 'sk-1' })
  for (const id of [exchange, broken]) await attach(database, alice, agentId, id)
  await set(exchange, `permission = 'trading_enabled'`)
  await deliver()
  await set(exchange, `permission = 'read_only'`)
  await set(broken, `provider = 'anthropic'`)
  const problem = { credentialId: broken, reason: expect.stringContaining('changed, or moved here') }
  // Whoever asks for a sync takes nothing away from it.
  expect(await deliver()).toMatchObject({ delivered: [], problem })
  expect(await keysFile()).toMatchObject([{ permission: 'trading_enabled' }, { id: broken }])
  expect(await deliver({}, { takesKeyBack: true })).toMatchObject({
    delivered: [{ credentialId: exchange }],
    problem,
  })
  expect(await keysFile()).toMatchObject([{ id: exchange, permission: 'read_only' }])
  const held = async () => {
    const text = 'select credential_id, synced_secret_version from nora.agent_credentials where agent_id = $1'
    const rows = await database.asSuperuser(text, [agentId])
    return Object.fromEntries(rows.map((row) => [row['credential_id'], row['synced_secret_version']]))
  }
  expect(await held()).toEqual({ [exchange]: 1, [broken]: null })
  const events = await database.asSuperuser(
    `select event_type from nora.audit_log where target_id in ($1, $2) order by seq desc limit 3`,
    [agentId, broken],
  )
  expect(events.map((row) => row['event_type']).reverse()).toEqual([
    'KEY_SYNCED',
    'SECRET_OPEN_FAILED',
    'KEY_SYNC_FAILED',
  ])
  await set(exchange, `provider = 'okx'`)
  await deliver({}, { takesKeyBack: true })
  expect(await keysFile()).toEqual([])
  expect(await held()).toEqual({ [exchange]: null, [broken]: null })
})

test.each([
  ['llm', `kind = 'llm', permission = null`],
  ['integration', `kind = 'integration', permission = null`],
])('an exchange credential whose row says that it is of kind %s does not open', async (_, change) => {
  const id = await binance(alice)
  await attach(database, alice, agentId, id)
  await set(id, change)
  expect(await deliver()).toMatchObject({
    delivered: [],
    problem: { credentialId: id, reason: expect.stringContaining('changed, or moved here') },
  })
})

test('nor does a model provider’s key that is said to be an integration', async () => {
  const id = await storeKey(database, alice, { apiKey: 'sk-1' })
  await attach(database, alice, agentId, id)
  await set(id, `kind = 'integration'`)
  expect(await deliver()).toMatchObject({ delivered: [], problem: { credentialId: id } })
})

test('nor an exchange credential that was given to another owner', async () => {
  const id = await binance(alice)
  await set(id, `owner_id = '${bob.userId}'`)
  const theirs = await storeAgent(database, bob, { workspace_id: alice.workspaceId })
  await attach(database, alice, theirs, id)
  agentId = theirs
  const outcome = await deliver()
  expect(outcome).toMatchObject({
    delivered: [],
    problem: { reason: expect.stringContaining('changed, or moved') },
  })
})

test('an exchange credential of somebody else is not given, however it came to be attached', async () => {
  const id = await binance({ ...bob, workspaceId: alice.workspaceId })
  await attach(database, alice, agentId, id)
  expect(await deliver()).toMatchObject({ delivered: [], problem: { credentialId: id } })
  expect(await keysFile()).toEqual([])
  const sharing = set(id, 'shared_with_workspace = true')
  await expect(sharing).rejects.toMatchObject({ code: '23514' })
})

test('what was given is scrubbed out of logs whatever its kind; addresses and names stay readable', async () => {
  const secret = { walletAddress: `0x${'a'.repeat(40)}`, privateKey: `0x${'b'.repeat(64)}` }
  const hosts = ['api.hyperliquid.xyz']
  const id = await storeKey(database, alice, secret, { kind: 'exchange', provider: 'hyperliquid', hosts })
  await attach(database, alice, agentId, id)
  await deliver()
  const actor = await leased(database, alice, { agent: agentId })
  const scrubber = await loadScrubber(deps, actor, agentId)
  await finish(database, actor)
  const [line] = scrubber.scrub([`wallet ${secret.walletAddress} signs with ${secret.privateKey}`])
  expect(line).toContain(secret.walletAddress)
  expect(line).not.toContain(secret.privateKey)
})

test('what the operator let be stored unsealed is delivered while that is allowed, and only then', async () => {
  const id = await storeKey(database, alice, { apiKey: 'sk-plain' })
  const aad = credentialAad({
    table: 'credentials',
    column: 'sealed',
    rowId: id,
    workspaceId: alice.workspaceId,
    ownerId: alice.userId,
    keyVersion: 0,
    secretVersion: 1,
    kind: 'llm',
    provider: 'openai',
    destinationHosts: ['api.openai.com'],
  })
  const sealed = sealPlaintext(Buffer.from('{"apiKey":"sk-plain"}'), aad, { allowPlaintext: true })
  await database.asSuperuser(
    'update nora.credentials set sealed = $2, suite = 0, key_version = 0 where id = $1',
    [id, sealed],
  )
  await attach(database, alice, agentId, id)
  expect(await deliver()).toMatchObject({
    delivered: [],
    problem: { reason: expect.stringContaining('plaintext') },
  })
  expect(await deliver({ keyring: { ...keyring, allowPlaintext: true } })).toMatchObject({
    delivered: [{ credentialId: id, secretVersion: 1 }],
  })
})
