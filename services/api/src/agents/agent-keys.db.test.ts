import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
let ada: Client
let bob: Client
let vera: Client
let headers: Record<string, string>

// Ada owns the workspace; Bob is an editor in it, Vera a viewer.
beforeAll(async () => {
  ;[ada, bob, vera] = [await api.signUp(), await api.signUp(), await api.signUp()]
  const workspaceId = (await ada.get('/api/auth/me')).body.personalWorkspaceId
  headers = { 'x-nora-workspace': workspaceId }
  const join = (who: Client, role: string) =>
    database.asSuperuser('insert into nora.memberships (workspace_id, user_id, role) values ($1, $2, $3)', [
      workspaceId,
      who.user?.id,
      role,
    ])
  await join(bob, 'editor')
  await join(vera, 'viewer')
})

async function key(who: Client, more: object = {}) {
  const body = { provider: 'openai', label: `key of ${who.user?.id}`, secret: { apiKey: 'k' }, ...more }
  const answer = await who.post('/api/llm-providers', body, headers)
  expect(answer.status, answer.text).toBe(201)
  return answer.body
}
async function agent(who: Client, providerKeyIds: string[] = []) {
  const body = { name: 'a', runtime: 'image', image: 'team/agent:1', providerKeyIds }
  const answer = await who.post('/api/agents', body, headers)
  expect(answer.status, answer.text).toBe(202)
  await idle(answer.body.id)
  return answer.body
}
const idle = (id: string) =>
  database.asSuperuser(
    `update nora.operations set status = 'succeeded', finished_at = now() where agent_id = $1`,
    [id],
  )
const patch = (who: Client, id: string, body: object) => who.patch(`/api/agents/${id}`, body, headers)

test('a viewer sees and changes nothing', async () => {
  const made = await agent(ada)
  expect((await vera.get(`/api/agents/${made.id}`, headers)).status).toBe(200)
  expect((await vera.get(`/api/agents/${made.id}/logs`, headers)).status).toBe(200)
  const refused = await Promise.all([
    vera.post('/api/agents', { name: 'v', runtime: 'starter' }, headers),
    vera.patch(`/api/agents/${made.id}`, { name: 'v' }, headers),
    vera.delete(`/api/agents/${made.id}`, headers),
    vera.post(`/api/agents/${made.id}/start`, undefined, headers),
    vera.post(`/api/agents/${made.id}/sync-keys`, {}, headers),
    vera.get(`/api/agents/${made.id}/invoke/`, headers),
    vera.post('/api/llm-providers', { provider: 'openai', label: 'v', secret: { apiKey: 'k' } }, headers),
  ])
  expect(refused.map((answer) => answer.body.code)).toEqual(refused.map(() => 'forbidden'))
})

test('a key of somebody else is neither seen nor attached, until it is shared', async () => {
  const hers = await key(ada)
  expect((await bob.get(`/api/llm-providers/${hers.id}`, headers)).status).toBe(404)
  const attempt = { name: 'b', runtime: 'starter', providerKeyIds: [hers.id] }
  expect((await bob.post('/api/agents', attempt, headers)).status).toBe(404)
  const shared = await ada.put(`/api/llm-providers/${hers.id}`, { sharedWithWorkspace: true }, headers)
  expect(shared.body.sharedWithWorkspace).toBe(true)
  expect((await bob.post('/api/agents', attempt, headers)).status).toBe(202)
  expect((await bob.put(`/api/llm-providers/${hers.id}`, { label: 'mine' }, headers)).status).toBe(403)
  expect((await bob.delete(`/api/llm-providers/${hers.id}?force=true`, headers)).status).toBe(403)
})

test('an own key goes to an agent of somebody else only when it is shared', async () => {
  const hers = await agent(ada)
  const his = await key(bob)
  const refused = await patch(bob, hers.id, { providerKeyIds: [his.id] })
  expect([refused.status, refused.body.code]).toEqual([403, 'key-not-shared'])
  await bob.put(`/api/llm-providers/${his.id}`, { sharedWithWorkspace: true }, headers)
  expect((await patch(bob, hers.id, { providerKeyIds: [his.id] })).status).toBe(200)
})

describe('an agent that holds a key the caller may not use', () => {
  test.each([
    ['image', { image: 'evil/agent:1' }],
    ['command', { command: ['cat', '/run/nora/keys.json'] }],
    ['env', { env: { NODE_OPTIONS: '--require=/tmp/x' } }],
    ['config', { config: { probePath: '/x' }, port: 80 }],
  ])('does not take a new %s', async (_, change) => {
    const held = await agent(ada, [(await key(ada)).id])
    const answer = await patch(bob, held.id, change)
    expect([answer.status, answer.body.code], answer.text).toEqual([403, 'agent-holds-foreign-key'])
    expect((await patch(ada, held.id, change)).status).toBe(200)
  })

  test('may still be renamed, stopped and resized, and shows no label', async () => {
    const held = await agent(ada, [(await key(ada)).id])
    expect((await patch(bob, held.id, { name: 'n', resources: { cpus: 0.2 } })).status).toBe(200)
    const seen = (await bob.get(`/api/agents/${held.id}`, headers)).body
    expect(seen.providerKeys).toEqual([
      { id: expect.any(String), label: null, syncedSecretVersion: null, syncedAt: null },
    ])
    expect((await bob.post(`/api/agents/${held.id}/stop`, undefined, headers)).status).toBe(202)
  })
})

test('taking sharing back takes the key from the agents of others, and only when forced', async () => {
  const hers = await key(ada, { sharedWithWorkspace: true })
  const own = await agent(ada, [hers.id])
  const his = await agent(bob, [hers.id])
  const refused = await ada.put(`/api/llm-providers/${hers.id}`, { sharedWithWorkspace: false }, headers)
  expect(refused.body).toMatchObject({ code: 'provider-key-in-use', agents: [{ id: his.id }] })
  const forced = await ada.put(
    `/api/llm-providers/${hers.id}?force=true`,
    { sharedWithWorkspace: false },
    headers,
  )
  expect(forced.body).toMatchObject({ sharedWithWorkspace: false, usedBy: [own.id] })
  expect(forced.body.notice).toMatch(/replace it at the provider/)
  expect((await bob.get(`/api/agents/${his.id}`, headers)).body).toMatchObject({
    providerKeys: [],
    operation: { kind: 'sync-keys', status: 'queued' },
  })
})

test('changing the keys of an agent that should run syncs it; of a stopped one waits for its start', async () => {
  const [one, two] = [await key(ada), await key(ada)]
  const held = await agent(ada, [one.id])
  const changed = await patch(ada, held.id, { providerKeyIds: [two.id] })
  expect(changed.body).toMatchObject({
    generation: 1,
    providerKeys: [{ id: two.id }],
    operation: { kind: 'sync-keys', status: 'queued' },
    notice: expect.stringMatching(/replace it at the provider/),
  })
  await idle(held.id)
  await database.asSuperuser(
    `update nora.agents set desired_state = 'stopped', state = 'stopped' where id = $1`,
    [held.id],
  )
  const stopped = await patch(ada, held.id, { providerKeyIds: [one.id, two.id] })
  expect(stopped.body.operation.status).toBe('succeeded')
  const sync = await ada.post(`/api/agents/${held.id}/sync-keys`, {}, headers)
  expect([sync.status, sync.body.code]).toEqual([409, 'agent-not-running'])
})

test('sync-keys delivers to the agent named, by either of its names', async () => {
  const held = await agent(ada, [(await key(ada)).id])
  const two = await key(ada)
  const synced = await ada.post(`/api/agents/${held.id}/sync-keys`, { providerKeyIds: [two.id] }, headers)
  expect(synced.status).toBe(202)
  expect(synced.body).toMatchObject({ providerKeys: [{ id: two.id }], operation: { kind: 'sync-keys' } })
  expect(synced.headers.get('location')).toBe(`/api/agents/${held.id}/operations/${synced.body.operation.id}`)
  await idle(held.id)
  const other = await ada.post('/api/llm-providers/sync', { agentId: held.id }, headers)
  expect([other.status, other.body.operation.kind]).toEqual([202, 'sync-keys'])
})

test('a key that the config names is not detached from under it', async () => {
  const one = await key(ada)
  const body = {
    ...{ name: 'a', runtime: 'image', image: 'team/agent:1', command: ['run'] },
    providerKeyIds: [one.id],
  }
  const made = await ada.post(
    '/api/agents',
    { ...body, config: { keyEnv: { OPENAI: `${one.id}.apiKey` } } },
    headers,
  )
  expect(made.status, made.text).toBe(202)
  await idle(made.body.id)
  const answers = [
    await patch(ada, made.body.id, { providerKeyIds: [] }),
    await ada.post(`/api/agents/${made.body.id}/sync-keys`, { providerKeyIds: [] }, headers),
  ]
  expect(answers.map((answer) => answer.body.code)).toEqual(['invalid-agent', 'invalid-agent'])
  expect((await patch(ada, made.body.id, { providerKeyIds: [], config: {} })).status).toBe(200)
})

test('attaching and deleting a key at once end in one order or the other', async () => {
  for (let round = 0; round < 10; round++) {
    const one = await key(ada)
    const held = await agent(ada)
    const [attached, deleted] = await Promise.all([
      patch(ada, held.id, { providerKeyIds: [one.id] }),
      ada.delete(`/api/llm-providers/${one.id}?force=true`, headers),
    ])
    expect([200, 204]).toContain(deleted.status)
    expect([200, 404]).toContain(attached.status)
    expect((await ada.get(`/api/agents/${held.id}`, headers)).body.providerKeys).toEqual([])
  }
})
