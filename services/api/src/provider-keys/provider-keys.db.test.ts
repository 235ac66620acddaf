import { randomUUID } from 'node:crypto'
import { credentialAad } from '@nora/crypto/aad'
import { deriveSealing } from '@nora/crypto/keys'
import { open } from '@nora/crypto/open'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { beforeAll, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { testApi, testEncryptionKey } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis(), {
  config: { providerAllowHosts: [{ kind: 'host', host: '127.0.0.1', port: 9999 }] },
})
let ada: Client
let bob: Client
beforeAll(async () => {
  ada = await api.signUp()
  bob = await api.signUp()
})

const secretOf = () => `sk-test-${randomUUID()}`
const makeKey = async (who: Client, more: object = {}) => {
  const answer = await who.post('/api/llm-providers', {
    provider: 'openai',
    label: 'main',
    secret: { apiKey: secretOf() },
    ...more,
  })
  expect(answer.status, answer.text).toBe(201)
  return answer.body
}
const makeAgent = async (who: Client, more: object = {}) => {
  const answer = await who.post('/api/agents', { name: 'a', runtime: 'starter', ...more })
  expect(answer.status, answer.text).toBe(202)
  return answer.body
}

test('the catalogue tells what to ask for and where a key may go', async () => {
  const { body } = await ada.get('/api/llm-providers/catalog')
  const byName = new Map(body.items.map((item: { provider: string }) => [item.provider, item]))
  for (const name of 'openai anthropic google openrouter mistral groq deepseek xai together azure-openai bedrock nvidia ollama openai-compatible custom'.split(
    ' ',
  )) {
    expect(byName.has(name), name).toBe(true)
  }
  expect(byName.get('openai')).toMatchObject({
    destinationHosts: ['api.openai.com'],
    fields: expect.arrayContaining([{ name: 'apiKey', title: 'API key', secret: true, required: true }]),
  })
  expect(byName.get('custom')).toMatchObject({ anyFields: true, testable: false })
})

test('a key is stored sealed for its own row, and shown as metadata alone', async () => {
  const apiKey = secretOf()
  const answer = await ada.post('/api/llm-providers', {
    provider: 'openai',
    label: 'main',
    secret: { apiKey: ` ${apiKey}\n`, model: 'gpt-5-mini' },
  })
  expect(answer.status).toBe(201)
  expect(answer.headers.get('location')).toBe(`/api/llm-providers/${answer.body.id}`)
  expect(answer.body).toMatchObject({
    provider: 'openai',
    label: 'main',
    fingerprint: expect.stringMatching(/^[0-9a-f]{8}$/),
    sharedWithWorkspace: false,
    baseUrl: 'https://api.openai.com/v1',
    destinationHosts: ['api.openai.com'],
    keyVersion: 1,
    secretVersion: 1,
    lastUsedAt: null,
    usedBy: [],
  })
  const [row] = await database.asSuperuser<{ sealed: Buffer; owner_id: string; workspace_id: string }>(
    'select * from nora.credentials where id = $1',
    [answer.body.id],
  )
  const place = {
    table: 'credentials',
    column: 'sealed',
    rowId: answer.body.id,
    workspaceId: row!.workspace_id,
    ownerId: row!.owner_id,
    keyVersion: 1,
    secretVersion: 1,
    kind: 'llm' as const,
    provider: 'openai',
    destinationHosts: ['api.openai.com'],
  }
  const keys = [deriveSealing(Buffer.from(testEncryptionKey), 1).openKey]
  const opened = await open(keys, row!.sealed, credentialAad(place))
  expect(JSON.parse(opened.toString())).toEqual({ apiKey, model: 'gpt-5-mini' })
  const elsewhere = credentialAad({ ...place, destinationHosts: ['evil.example'] })
  await expect(open(keys, row!.sealed, elsewhere)).rejects.toThrow()
})

test('the same API key has the same fingerprint, another one another', async () => {
  const apiKey = secretOf()
  const one = await makeKey(ada, { secret: { apiKey } })
  const two = await makeKey(ada, { secret: { apiKey, model: 'x' }, label: 'again' })
  const three = await makeKey(ada)
  expect(two.fingerprint).toBe(one.fingerprint)
  expect(three.fingerprint).not.toBe(one.fingerprint)
})

test('an allowlisted host is bound with its port; custom takes any names', async () => {
  const own = await makeKey(ada, { provider: 'openai-compatible', baseUrl: 'http://127.0.0.1:9999/v1/' })
  expect(own).toMatchObject({ baseUrl: 'http://127.0.0.1:9999/v1', destinationHosts: ['127.0.0.1:9999'] })
  const custom = await makeKey(ada, { provider: 'custom', secret: { SLACK_TOKEN: 'xoxb-1', OTHER: 'y' } })
  expect(custom).toMatchObject({ baseUrl: null, destinationHosts: [] })
})

test('replacing the secret raises its version; two at once both hold', async () => {
  const key = await makeKey(ada)
  const both = await Promise.all(
    ['one', 'two'].map((label) =>
      ada.put(`/api/llm-providers/${key.id}`, { secret: { apiKey: secretOf() }, label }),
    ),
  )
  expect(both.map((answer) => answer.status)).toEqual([200, 200])
  const now = await ada.get(`/api/llm-providers/${key.id}`)
  expect(now.body.secretVersion).toBe(3)
  expect(now.body.fingerprint).not.toBe(key.fingerprint)
  const renamed = await ada.put(`/api/llm-providers/${key.id}`, { label: 'new name' })
  expect(renamed.body).toMatchObject({ label: 'new name', secretVersion: 3 })
  const moved = await ada.put(`/api/llm-providers/${key.id}`, { baseUrl: 'https://proxy.example.com/v1' })
  expect(moved.status).toBe(400)
  expect((await ada.put(`/api/llm-providers/${key.id}`, {})).status).toBe(400)
})

test('a key that agents hold is not deleted, unless forced: then they lose it and are synced', async () => {
  const key = await makeKey(ada)
  const agent = await makeAgent(ada, { providerKeyIds: [key.id] })
  expect(agent.providerKeys).toEqual([
    { id: key.id, label: 'main', syncedSecretVersion: null, syncedAt: null },
  ])
  expect((await ada.get(`/api/llm-providers/${key.id}`)).body.usedBy).toEqual([agent.id])
  const refused = await ada.delete(`/api/llm-providers/${key.id}`)
  expect(refused.status).toBe(409)
  expect(refused.body).toMatchObject({ code: 'provider-key-in-use', agents: [{ id: agent.id, name: 'a' }] })
  const forced = await ada.delete(`/api/llm-providers/${key.id}?force=true`)
  expect(forced.status).toBe(200)
  expect(forced.body.notice).toMatch(/replace it at the provider/)
  expect(forced.body.detachedFrom).toEqual([{ agentId: agent.id, operationId: expect.any(String) }])
  const { operationId } = forced.body.detachedFrom[0]
  const operation = await ada.get(`/api/agents/${agent.id}/operations/${operationId}`)
  expect(operation.body).toMatchObject({ kind: 'sync-keys', status: 'queued' })
  expect((await ada.get(`/api/agents/${agent.id}`)).body.providerKeys).toEqual([])
  expect((await ada.get(`/api/llm-providers/${key.id}`)).status).toBe(404)
  const unused = await makeKey(ada)
  expect((await ada.delete(`/api/llm-providers/${unused.id}`)).status).toBe(204)
})

test('lists page by cursor without losing or doubling a key', async () => {
  const carl = await api.signUp()
  const made: string[] = []
  for (let i = 0; i < 5; i++) made.unshift((await makeKey(carl)).id)
  const seen: string[] = []
  let cursor: string | null = null
  do {
    const page: { status: number; body: { items: { id: string }[]; nextCursor: string | null } } =
      await carl.get(`/api/llm-providers?limit=2${cursor ? `&cursor=${cursor}` : ''}`)
    expect(page.status).toBe(200)
    seen.push(...page.body.items.map((item) => item.id))
    cursor = page.body.nextCursor
  } while (cursor)
  expect(seen).toEqual(made)
  expect((await carl.get('/api/llm-providers?cursor=nonsense')).status).toBe(400)
  expect((await carl.get('/api/llm-providers?limit=201')).status).toBe(400)
  expect((await carl.get('/api/llm-providers?limit=0')).status).toBe(400)
})

test('a test is queued once, can be followed, and is refused where nobody can be asked', async () => {
  const key = await makeKey(ada)
  const first = await ada.post(`/api/llm-providers/${key.id}/test`)
  expect(first.status).toBe(202)
  expect(first.body).toMatchObject({
    kind: 'test-key',
    status: 'queued',
    providerKeyId: key.id,
    agentId: null,
  })
  const again = await ada.post(`/api/llm-providers/${key.id}/test`)
  expect(again.body.id).toBe(first.body.id)
  const followed = await ada.get(first.headers.get('location')!)
  expect(followed.body).toEqual(again.body)
  const custom = await makeKey(ada, { provider: 'custom', secret: { A: 'b' } })
  const refused = await ada.post(`/api/llm-providers/${custom.id}/test`)
  expect([refused.status, refused.body.code]).toEqual([422, 'test-unavailable'])
  expect((await ada.delete(`/api/llm-providers/${key.id}`)).status).toBe(204)
})

test('another tenant finds nothing, and it looks exactly like absence', async () => {
  const key = await makeKey(ada)
  const absent = randomUUID()
  const calls = (id: string): [string, string, unknown?][] => [
    ['GET', `/api/llm-providers/${id}`],
    ['PUT', `/api/llm-providers/${id}`, { label: 'mine now' }],
    ['DELETE', `/api/llm-providers/${id}`],
    ['DELETE', `/api/llm-providers/${id}?force=true`],
    ['POST', `/api/llm-providers/${id}/test`],
    ['GET', `/api/llm-providers/${id}/operations/${absent}`],
  ]
  const seen = async (id: string) =>
    Promise.all(
      calls(id).map(async ([method, path, body]) => {
        const answer = await bob.request(method, path, { body })
        return [answer.status, { ...answer.body, correlationId: '' }]
      }),
    )
  const hidden = await seen(key.id)
  expect(hidden).toEqual(await seen(absent))
  expect(hidden.every(([status]) => status === 404)).toBe(true)
  const attach = await bob.post('/api/agents', { name: 'b', runtime: 'starter', providerKeyIds: [key.id] })
  expect(attach.status).toBe(404)
  expect((await bob.get('/api/llm-providers')).body.items).toEqual([])
  expect((await ada.get(`/api/llm-providers/${key.id}`)).body.label).toBe('main')
})

test('bad ids are refused before they reach the database', async () => {
  for (const id of ['x', '1', 'urn:uuid:0b0b0b0b-0000-4000-8000-000000000000', '%27%20or%201=1']) {
    expect([400, 404]).toContain((await ada.get(`/api/llm-providers/${id}`)).status)
  }
})

test('a repeat with the same Idempotency-Key stores nothing twice', async () => {
  const carl = await api.signUp()
  const body = { provider: 'openai', label: 'once', secret: { apiKey: secretOf() } }
  const headers = { 'idempotency-key': randomUUID() }
  const first = await carl.post('/api/llm-providers', body, headers)
  const second = await carl.post('/api/llm-providers', body, headers)
  expect(second.body).toEqual(first.body)
  expect(second.headers.get('idempotency-replayed')).toBe('true')
  expect((await carl.get('/api/llm-providers')).body.items).toHaveLength(1)
})
