import { randomUUID } from 'node:crypto'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { beforeAll, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { stepUp } from '../testing/team.ts'
import { startApi, testApi } from '../testing/test-api.ts'

const database = testDatabase()
const redis = testRedis()
const api = testApi(database, redis, {
  config: { providerAllowHosts: [{ kind: 'host', host: '127.0.0.1', port: 9999 }] },
})
let ada: Client
beforeAll(async () => {
  ada = await api.signUp()
})

const binance = () => ({
  exchange: 'binance',
  label: 'main',
  secret: { apiKey: `key-${randomUUID()}`, apiSecret: `secret-${randomUUID()}` },
})
const store = async (who: Client, more: object = {}) => {
  const answer = await who.post('/api/exchange-credentials', { ...binance(), ...more })
  expect(answer.status, answer.text).toBe(201)
  return answer.body
}
const permit = (who: Client, id: string, permission: string) =>
  who.patch(`/api/exchange-credentials/${id}`, { permission })
const auditOf = async (id: string) =>
  database.asSuperuser<{ event_type: string; target_kind: string; details: Record<string, unknown> }>(
    'select event_type, target_kind, details from nora.audit_log where target_id = $1 order by seq',
    [id],
  )
const wallet = '0x52908400098527886E0F7030069857D2E4169EE7'
const hyperliquid = (more: object = {}) => ({
  exchange: 'hyperliquid',
  label: 'perps',
  walletAddress: wallet,
  secret: { privateKey: `0x${'ab'.repeat(32)}` },
  ...more,
})

test('the catalogue asks each exchange for what it needs', async () => {
  const { body } = await ada.get('/api/exchange-credentials/catalog')
  type Entry = { exchange: string; fields: { name: string; required: boolean }[]; walletAddress: boolean }
  const entries = body.items as Entry[]
  const required = (name: string) =>
    entries
      .find((entry) => entry.exchange === name)
      ?.fields.filter((field) => field.required)
      .map((field) => field.name)
  expect(required('binance')).toEqual(['apiKey', 'apiSecret'])
  expect(required('kraken')).toEqual(['apiKey', 'apiSecret'])
  expect(required('bybit')).toEqual(['apiKey', 'apiSecret'])
  expect(required('okx')).toEqual(['apiKey', 'apiSecret', 'passphrase'])
  expect(required('coinbase')).toEqual(['apiKey', 'privateKey'])
  expect(required('coinbase-exchange')).toEqual(['apiKey', 'apiSecret', 'passphrase'])
  expect(required('hyperliquid')).toEqual(['walletAddress', 'privateKey'])
  expect(required('dydx')).toEqual(['walletAddress'])
  expect(entries.filter((entry) => entry.walletAddress).map((entry) => entry.exchange)).toEqual([
    'hyperliquid',
    'dydx',
  ])
})

test('one is read-only until its owner steps up and enables trading; both ways are audited', async () => {
  const who = await api.signUp()
  const made = await store(who)
  expect(made).toMatchObject({
    exchange: 'binance',
    permission: 'read_only',
    walletAddress: null,
    baseUrl: 'https://api.binance.com',
    destinationHosts: ['api.binance.com'],
  })
  expect(made).not.toHaveProperty('sharedWithWorkspace')
  const refused = await permit(who, made.id, 'trading_enabled')
  expect([refused.status, refused.body.code]).toEqual([403, 'step-up-required'])
  expect((await who.get(`/api/exchange-credentials/${made.id}`)).body.permission).toBe('read_only')
  await stepUp(who)
  expect((await permit(who, made.id, 'trading_enabled')).body).toMatchObject({
    permission: 'trading_enabled',
  })
  expect((await permit(who, made.id, 'trading_enabled')).status).toBe(200)
  const listed = await who.get('/api/exchange-credentials')
  const one = await who.get(`/api/exchange-credentials/${made.id}`)
  expect(listed.body.items).toEqual([one.body])
  expect(one.body).toMatchObject({ exchange: 'binance', permission: 'trading_enabled' })
  expect((await permit(who, made.id, 'read_only')).body).toMatchObject({ permission: 'read_only' })
  const rows = await auditOf(made.id)
  expect(rows).toMatchObject([
    { event_type: 'EXCHANGE_CREDENTIAL_CREATED', target_kind: 'exchange-credential' },
    { event_type: 'PERMISSION_CHANGED', details: { from: 'read_only', to: 'trading_enabled' } },
    { event_type: 'PERMISSION_CHANGED', details: { from: 'trading_enabled', to: 'read_only' } },
  ])
  // A step-up of one session is no use to another; taking a permission back needs none.
  const elsewhere = await api.login(who.user!.email, 'correct horse battery staple')
  expect((await permit(elsewhere, made.id, 'trading_enabled')).body.code).toBe('step-up-required')
  await permit(who, made.id, 'trading_enabled')
  expect((await permit(elsewhere, made.id, 'read_only')).status).toBe(200)
})

test('trading from the first moment needs the step-up too, and stores nothing without it', async () => {
  const who = await api.signUp()
  const asked = { ...binance(), permission: 'trading_enabled' }
  const refused = await who.post('/api/exchange-credentials', asked)
  expect([refused.status, refused.body.code]).toEqual([403, 'step-up-required'])
  expect((await who.get('/api/exchange-credentials')).body.items).toEqual([])
  await stepUp(who)
  const made = await store(who, { permission: 'trading_enabled' })
  expect(made.permission).toBe('trading_enabled')
  expect((await auditOf(made.id)).map((row) => row.event_type)).toContain('PERMISSION_CHANGED')
})

test('another secret is read-only until trading is enabled for it; its agents are told at once', async () => {
  const who = await stepUp(await api.signUp())
  const { id } = await store(who, { permission: 'trading_enabled' })
  const agent = await who.post('/api/agents', { name: 'a', runtime: 'starter', providerKeyIds: [id] })
  expect(agent.status, agent.text).toBe(202)
  const renamed = await who.put(`/api/exchange-credentials/${id}`, { label: 'b' })
  expect(renamed.body).toMatchObject({ label: 'b', permission: 'trading_enabled', secretVersion: 1 })
  const replaced = await who.put(`/api/exchange-credentials/${id}`, { secret: binance().secret })
  expect(replaced.body).toMatchObject({ permission: 'read_only', secretVersion: 2 })
  expect((await auditOf(id)).at(-1)).toMatchObject({
    event_type: 'PERMISSION_CHANGED',
    details: { from: 'trading_enabled', to: 'read_only', because: 'the secret was replaced' },
  })
  const { body } = await who.get(`/api/agents/${agent.body.id}/operations`)
  expect(body.items.map((one: { kind: string }) => one.kind)).toEqual(['sync-keys', 'provision'])
})

test('taking the permission back queues a sync that nobody can cancel; giving it waits for the next one', async () => {
  const who = await stepUp(await api.signUp())
  const { id } = await store(who)
  const agent = await who.post('/api/agents', { name: 'a', runtime: 'starter', providerKeyIds: [id] })
  const operations = async () =>
    (await who.get(`/api/agents/${agent.body.id}/operations`)).body.items as { id: string; kind: string }[]
  const given = await permit(who, id, 'trading_enabled')
  expect(given.body.notice).toContain('next start or sync')
  expect((await operations()).map((one) => one.kind)).toEqual(['provision'])
  await permit(who, id, 'read_only')
  const [sync] = await operations()
  expect(sync).toMatchObject({ kind: 'sync-keys', status: 'queued' })
  const cancelled = await who.post(`/api/agents/${agent.body.id}/operations/${sync!.id}/cancel`)
  expect([cancelled.status, cancelled.body.code]).toEqual([409, 'agent-busy'])
})

test('an address is sealed beside the secret, shown, and must be one', async () => {
  const made = await ada.post('/api/exchange-credentials', hyperliquid())
  expect(made.body, made.text).toMatchObject({ exchange: 'hyperliquid', walletAddress: wallet })
  const path = `/api/exchange-credentials/${made.body.id}`
  expect((await ada.put(path, { walletAddress: `0x${'1'.repeat(40)}` })).status).toBe(400)
  const again = await ada.put(path, { secret: { privateKey: 'cd'.repeat(32) } })
  expect(again.body).toMatchObject({ walletAddress: wallet, secretVersion: 2 })
  const moved = await ada.put(path, {
    secret: { privateKey: 'cd'.repeat(32) },
    walletAddress: `0x${'1'.repeat(40)}`,
  })
  expect(moved.body).toMatchObject({ walletAddress: `0x${'1'.repeat(40)}`, secretVersion: 3 })
  const key = '0123456789abcdef'.repeat(4)
  for (const walletAddress of [key, `0x${key}`, 'dydx1abc', ' ', wallet.slice(0, -1)]) {
    const refused = await ada.post('/api/exchange-credentials', hyperliquid({ walletAddress }))
    expect(refused.status, walletAddress).toBe(400)
    expect(refused.text).not.toContain(key)
  }
  const unused = await ada.post('/api/exchange-credentials', { ...binance(), walletAddress: wallet })
  expect(unused.status).toBe(400)
  expect(
    (await ada.post('/api/exchange-credentials', { ...hyperliquid(), walletAddress: undefined })).status,
  ).toBe(400)
})

test.each([
  ['an unknown exchange', { exchange: 'nobody' }, 422, 'provider-unknown'],
  ['another host', { baseUrl: 'https://api.example.com' }, 422, 'destination-not-allowed'],
  ['no secret', { secret: { apiKey: 'do-not-repeat' } }, 400, 'bad-request'],
  [
    'a passphrase that it does not have',
    { secret: { ...binance().secret, passphrase: 'x' } },
    400,
    'bad-request',
  ],
  ['sharing', { sharedWithWorkspace: true }, 400, 'bad-request'],
  ['a permission that is none', { permission: 'withdraw' }, 400, 'bad-request'],
])('%s is refused', async (_, more, status, code) => {
  const answer = await ada.post('/api/exchange-credentials', { ...binance(), ...more })
  expect([answer.status, answer.body.code], answer.text).toEqual([status, code])
  expect(answer.text).not.toContain('do-not-repeat')
})

test('its test network and a host of the operator’s are taken', async () => {
  const net = await store(ada, { baseUrl: 'https://testnet.binance.vision' })
  expect(net.destinationHosts).toEqual(['testnet.binance.vision'])
  const local = await store(ada, { baseUrl: 'http://127.0.0.1:9999' })
  expect(local.destinationHosts).toEqual(['127.0.0.1:9999'])
})

test('lists page by cursor, an address in its place', async () => {
  const who = await api.signUp()
  const first = (await who.post('/api/exchange-credentials', hyperliquid())).body
  const second = await store(who)
  const page = await who.get('/api/exchange-credentials?limit=1')
  expect(page.body.items).toMatchObject([{ id: second.id, walletAddress: null }])
  const rest = await who.get(`/api/exchange-credentials?limit=1&cursor=${page.body.nextCursor}`)
  expect(rest.body).toEqual({ items: [first], nextCursor: null })
})

test('in use it is deleted by force alone', async () => {
  const { id } = await store(ada)
  const agent = await ada.post('/api/agents', { name: 'a', runtime: 'starter', providerKeyIds: [id] })
  const refused = await ada.delete(`/api/exchange-credentials/${id}`)
  expect([refused.status, refused.body.code, refused.body.agents]).toEqual([
    409,
    'exchange-credential-in-use',
    [{ id: agent.body.id, name: 'a' }],
  ])
  expect((await ada.delete(`/api/exchange-credentials/${id}?force=true`)).status).toBe(200)
})

test('a server that stores secrets unsealed lets nobody trade, not even with what was sealed before', async () => {
  const plain = await startApi(database, redis, { config: { allowPlaintextSecrets: true } })
  try {
    const who = await stepUp(await plain.signUp())
    const made = await store(who)
    const [row] = await database.asSuperuser(
      'select suite, key_version from nora.credentials where id = $1',
      [made.id],
    )
    expect(row).toEqual({ suite: 0, key_version: 0 })
    expect((await permit(who, made.id, 'trading_enabled')).body.code).toBe('trading-needs-sealing')
    const asked = await who.post('/api/exchange-credentials', { ...binance(), permission: 'trading_enabled' })
    expect([asked.status, asked.body.code]).toEqual([422, 'trading-needs-sealing'])
    // The row keeps that, also where unsealed secrets are no longer allowed.
    const sealing = await api.login(who.user!.email, 'correct horse battery staple')
    await stepUp(sealing)
    const later = await permit(sealing, made.id, 'trading_enabled')
    expect([later.status, later.body.code]).toEqual([422, 'trading-needs-sealing'])
  } finally {
    await plain.close()
  }
})
