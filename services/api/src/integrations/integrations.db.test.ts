import { randomUUID } from 'node:crypto'
import { integrationCatalog } from '@nora/contract/integration-catalog'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { beforeAll, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { type Team, team } from '../testing/team.ts'
import { testApi } from '../testing/test-api.ts'

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

const github = () => ({ provider: 'github', label: 'main', secret: { token: `ghp-test-${randomUUID()}` } })
const store = async (who: Client, body: object = github(), headers = {}) => {
  const answer = await who.post('/api/integrations', body, headers)
  expect(answer.status, answer.text).toBe(201)
  return answer.body
}

test('the catalogue says of each service what to ask for, where it goes and how it is tried', async () => {
  const { body } = await ada.get('/api/integrations/catalog')
  type Entry = Record<string, unknown> & { provider: string; fields: { name: string; secret: boolean }[] }
  const byName = new Map(body.items.map((item: Entry) => [item.provider, item])) as Map<string, Entry>
  const asked =
    'github gitlab slack discord telegram notion linear jira google-service-account smtp twilio stripe supabase postgres webhook bearer basic custom'
  for (const name of asked.split(' ')) expect(byName.has(name), name).toBe(true)
  expect(byName.get('github')).toMatchObject({
    destinationHosts: ['api.github.com'],
    fields: [{ name: 'token', title: 'Access token', secret: true, required: true }],
    testable: true,
    test: 'GET /user',
  })
  for (const entry of byName.values()) {
    const names = entry.fields.map((field) => field.name)
    expect(new Set(names).size, entry.provider).toBe(names.length)
    if (!entry['anyFields'])
      expect(
        entry.fields.some((field) => field.secret),
        entry.provider,
      ).toBe(true)
    expect((entry['alternatives'] as string[][]).flat().every((name) => names.includes(name))).toBe(true)
    expect(entry['testable']).toBe(entry['test'] !== null)
  }
  expect(body.items).toHaveLength(integrationCatalog.length)
})

test('one is stored sealed, listed, changed and deleted, with its own words in the audit', async () => {
  const carl = await api.signUp()
  const answer = await carl.post('/api/integrations', github())
  expect([answer.status, answer.headers.get('location')]).toEqual([
    201,
    `/api/integrations/${answer.body.id}`,
  ])
  expect(answer.body).toMatchObject({
    provider: 'github',
    baseUrl: 'https://api.github.com',
    destinationHosts: ['api.github.com'],
    secretVersion: 1,
    sharedWithWorkspace: false,
    usedBy: [],
  })
  expect(answer.body).not.toHaveProperty('permission')
  const { id } = answer.body
  const listed = await carl.get('/api/integrations')
  expect(listed.body.items).toEqual([answer.body])
  const changed = await carl.put(`/api/integrations/${id}`, { secret: github().secret })
  expect(changed.body).toMatchObject({ secretVersion: 2 })
  expect((await carl.patch(`/api/integrations/${id}`, { label: 'new' })).body).toMatchObject({ label: 'new' })
  expect((await carl.get(`/api/integrations/${id}`)).body).toMatchObject({ label: 'new', secretVersion: 2 })
  expect((await carl.delete(`/api/integrations/${id}`)).status).toBe(204)
  expect((await carl.get(`/api/integrations/${id}`)).status).toBe(404)
  const rows = await database.asSuperuser(
    'select event_type, target_kind from nora.audit_log where target_id = $1 order by seq',
    [id],
  )
  expect(rows.map((row) => row['event_type'])).toEqual([
    'INTEGRATION_CREATED',
    'INTEGRATION_CHANGED',
    'INTEGRATION_CHANGED',
    'INTEGRATION_DELETED',
  ])
  expect(new Set(rows.map((row) => row['target_kind']))).toEqual(new Set(['integration']))
})

test('each kind is found under its own name alone', async () => {
  const { id } = await store(ada)
  for (const path of ['llm-providers', 'exchange-credentials']) {
    expect((await ada.get(`/api/${path}/${id}`)).status).toBe(404)
    expect((await ada.put(`/api/${path}/${id}`, { label: 'x' })).status).toBe(404)
    expect((await ada.delete(`/api/${path}/${id}`)).status).toBe(404)
    expect((await ada.post(`/api/${path}/${id}/test`)).status).toBe(404)
    const listed = (await ada.get(`/api/${path}`)).body.items
    expect(listed.map((item: { id: string }) => item.id)).not.toContain(id)
  }
  expect((await ada.get(`/api/integrations/${id}`)).status).toBe(200)
  const wrong = await ada.post('/api/integrations', { ...github(), provider: 'binance' })
  expect([wrong.status, wrong.body.code]).toEqual([422, 'provider-unknown'])
})

test('an agent holds keys of any kind; one in use is deleted by force alone', async () => {
  const { id } = await store(ada)
  const made = await ada.post('/api/agents', { name: 'a', runtime: 'starter', providerKeyIds: [id] })
  expect(made.body.providerKeys, made.text).toMatchObject([{ id, label: 'main' }])
  const refused = await ada.delete(`/api/integrations/${id}`)
  expect([refused.status, refused.body.code, refused.body.agents]).toEqual([
    409,
    'integration-in-use',
    [{ id: made.body.id, name: 'a' }],
  ])
  const forced = await ada.delete(`/api/integrations/${id}?force=true`)
  expect(forced.body.detachedFrom).toEqual([{ agentId: made.body.id, operationId: expect.any(String) }])
})

test('it is shared with a workspace like a provider key, and taken back like one', async () => {
  const crew: Team = await team(api)
  const editor = await crew.join('editor')
  const { id } = await store(crew.owner, { ...github(), sharedWithWorkspace: true }, crew.headers)
  const path = `/api/integrations/${id}`
  expect((await editor.get(path, crew.headers)).body).toMatchObject({ id, sharedWithWorkspace: true })
  expect((await editor.put(path, { label: 'mine' }, crew.headers)).status).toBe(403)
  const agent = { name: 'e', runtime: 'starter', providerKeyIds: [id] }
  const held = await editor.post('/api/agents', agent, crew.headers)
  expect(held.status, held.text).toBe(202)
  const refused = await crew.owner.patch(path, { sharedWithWorkspace: false }, crew.headers)
  expect([refused.status, refused.body.code]).toEqual([409, 'integration-in-use'])
  const forced = await crew.owner.patch(`${path}?force=true`, { sharedWithWorkspace: false }, crew.headers)
  expect([forced.status, forced.body.usedBy]).toEqual([200, []])
  expect((await editor.get(path, crew.headers)).status).toBe(404)
})

test('a test is queued for what can be tried, and refused for what cannot', async () => {
  const { id } = await store(ada)
  const queued = await ada.post(`/api/integrations/${id}/test`)
  expect([queued.status, queued.body]).toMatchObject([
    202,
    { kind: 'test-key', status: 'queued', providerKeyId: id },
  ])
  const location = queued.headers.get('location')!
  expect(location).toBe(`/api/integrations/${id}/operations/${queued.body.id}`)
  expect((await ada.get(location)).body).toEqual(queued.body)
  expect((await bob.get(location)).status).toBe(404)
  const custom = await store(ada, { provider: 'custom', label: 'c', secret: { A: 'b' } })
  const refused = await ada.post(`/api/integrations/${custom.id}/test`)
  expect([refused.status, refused.body.code]).toEqual([422, 'test-unavailable'])
})

test.each([
  ['smtp', { host: 'smtp.example.com', port: '587', username: 'u', password: 'p' }, 'smtp.example.com:587'],
  ['postgres', { url: 'postgres://u:p@db.example.com/app' }, 'db.example.com:5432'],
  ['postgres', { url: 'postgresql://u:p@db.example.com:6543/app?sslmode=require' }, 'db.example.com:6543'],
  ['postgres', { url: 'postgres://u:p@127.0.0.1:9999/app' }, '127.0.0.1:9999'],
  ['webhook', { url: 'https://hooks.example.com/services/T0/B0/secret' }, 'hooks.example.com'],
  ['webhook', { url: 'http://127.0.0.1:9999/hook' }, '127.0.0.1:9999'],
])('%s is bound to the host that its secret names: %j', async (provider, secret, bound) => {
  const made = await store(ada, { provider, label: 'x', secret })
  expect(made).toMatchObject({ baseUrl: null, destinationHosts: [bound] })
  // Another secret may name another host, and is bound to that.
  const other = JSON.parse(
    JSON.stringify(secret)
      .replace('http:', 'https:')
      .replace(/\w+\.example\.com|127\.0\.0\.1:9999/, 'other.example.org'),
  )
  const moved = await ada.put(`/api/integrations/${made.id}`, { secret: other })
  expect(moved.body.destinationHosts[0], moved.text).toContain('other.example.org')
})

test.each([
  ['smtp', { host: '169.254.169.254', port: '25', username: 'u', password: 'do-not-repeat' }, 422],
  ['smtp', { host: 'user@smtp.example.com', port: '25', username: 'u', password: 'do-not-repeat' }, 400],
  ['smtp', { host: 'smtp.example.com', port: '0', username: 'u', password: 'do-not-repeat' }, 400],
  ['smtp', { host: 'smtp.example.com', username: 'u', password: 'do-not-repeat' }, 400],
  ['postgres', { url: 'postgres://u:do-not-repeat@localhost/app' }, 422],
  ['postgres', { url: 'postgres://u:do-not-repeat@10.0.0.1/app' }, 422],
  ['postgres', { url: 'postgres://u:do-not-repeat@0x7f.1/app' }, 422],
  ['postgres', { url: 'postgres://u:do-not-repeat@db.example.com/app?host=127.0.0.1' }, 400],
  ['postgres', { url: 'https://db.example.com/do-not-repeat' }, 400],
  ['postgres', { url: 'do-not-repeat' }, 400],
  ['webhook', { url: 'http://hooks.example.com/do-not-repeat' }, 422],
  ['webhook', { url: 'https://[::1]/do-not-repeat' }, 422],
  ['webhook', { url: 'javascript:do-not-repeat' }, 400],
  ['jira', { email: 'a@example.com', apiToken: 'do-not-repeat' }, 400],
  ['github', { token: 'do-not-repeat', other: 'x' }, 400],
])('%s %j is refused, and not repeated', async (provider, secret, status) => {
  const answer = await ada.post('/api/integrations', { provider, label: 'x', secret })
  expect(answer.status, answer.text).toBe(status)
  expect(answer.text).not.toContain('do-not-repeat')
})

test('a service with regions takes those and no other; one without takes no base URL', async () => {
  const sendgrid = { provider: 'sendgrid', label: 's', secret: { apiKey: 'SG.x' } }
  const eu = await store(ada, { ...sendgrid, baseUrl: 'https://api.eu.sendgrid.com/v3/' })
  expect(eu).toMatchObject({
    baseUrl: 'https://api.eu.sendgrid.com/v3',
    destinationHosts: ['api.eu.sendgrid.com'],
  })
  const elsewhere = await ada.post('/api/integrations', {
    ...sendgrid,
    baseUrl: 'https://api.example.com/v3',
  })
  expect([elsewhere.status, elsewhere.body.code]).toEqual([422, 'destination-not-allowed'])
  const slack = {
    provider: 'slack',
    label: 's',
    secret: { botToken: 'x' },
    baseUrl: 'https://slack.example.com',
  }
  expect((await ada.post('/api/integrations', slack)).status).toBe(400)
})

test('its calls stand in openapi.json under their own tags', async () => {
  const { body } = await api.anonymous.get('/api/openapi.json')
  const tagsOf = (path: string, method: string) => body.paths[path][method].tags
  expect(tagsOf('/api/integrations', 'post')).toEqual(['Integrations'])
  expect(tagsOf('/api/integrations/{id}/test', 'post')).toEqual(['Integrations'])
  expect(tagsOf('/api/exchange-credentials/{id}', 'patch')).toEqual(['Exchange credentials'])
})
