import { randomBytes, randomUUID } from 'node:crypto'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { beforeAll, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { type Role, type Team, team } from '../testing/team.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const label = `label-${randomUUID()}`
const walletAddress = `0x${randomBytes(20).toString('hex')}`
const privateKey = randomBytes(32).toString('hex')

let crew: Team
let trader: Client
let agentId: string
let credentialId: string
let operationId: string
/** What would give the credential away in an answer to somebody else; its id alone does not. */
let telling: string[]
const others = {} as Record<Role, Client>

beforeAll(async () => {
  crew = await team(api)
  trader = await crew.join('editor')
  others.owner = crew.owner
  for (const role of ['viewer', 'editor', 'admin'] as const) others[role] = await crew.join(role)
  const asTrader = async (method: string, path: string, body?: unknown) => {
    const answer = await trader.request(method, path, { body, headers: crew.headers })
    expect(answer.status, answer.text).toBeLessThan(300)
    return answer.body
  }
  const made = await asTrader('POST', '/api/exchange-credentials', {
    exchange: 'hyperliquid',
    label,
    walletAddress,
    secret: { privateKey },
    permission: 'trading_enabled',
  })
  credentialId = made.id
  telling = [label, walletAddress, privateKey, made.fingerprint, 'hyperliquid']
  agentId = (
    await asTrader('POST', '/api/agents', { name: 'a', runtime: 'starter', providerKeyIds: [credentialId] })
  ).id
  operationId = (await asTrader('POST', `/api/exchange-credentials/${credentialId}/test`)).id
  await asTrader('PUT', `/api/exchange-credentials/${credentialId}`, { label })
}, 60_000)

/** Every route with the ids of what is really there. */
const filled = (url: string) =>
  url
    .replace(/^(\/api\/workspaces)\/:id/, `$1/${crew.id}`)
    .replace(/^(\/api\/agents)\/:id/, `$1/${agentId}`)
    .replace(/:opId|:operationId/, operationId)
    .replace(/:userId/, trader.user!.id)
    .replace(/:\w+/g, credentialId)
    .replace('*', 'x')

test.each(['viewer', 'editor', 'admin', 'owner'] as const)(
  'no route that a workspace’s %s may read says anything of it',
  async (role) => {
    const routes = api.app.routeList.filter(
      ({ method, url }) => method === 'GET' && !/\/(catalog|readyz)$/.test(url),
    )
    expect(routes.length).toBeGreaterThan(20)
    let read = 0
    for (const { url } of routes) {
      const path = filled(url)
      const answer = await others[role].request('GET', path, { headers: crew.headers })
      if (answer.status === 200) read++
      expect(answer.status, path).toBeLessThan(500)
      for (const word of telling) expect(answer.text.toLowerCase(), path).not.toContain(word.toLowerCase())
    }
    expect(read).toBeGreaterThan(6)
  },
)

test.each(['viewer', 'editor', 'admin', 'owner'] as const)(
  'to a workspace’s %s each of its calls answers as for one that is not there',
  async (role) => {
    const who = others[role]
    const answers = async (id: string) => {
      const path = `/api/exchange-credentials/${id}`
      const calls: [string, string, unknown?][] = [
        ['GET', path],
        ['PUT', path, { label: 'mine' }],
        ['PATCH', path, { permission: 'read_only' }],
        ['PATCH', path, { permission: 'trading_enabled' }],
        ['DELETE', `${path}?force=true`],
        ['POST', `${path}/test`],
        ['GET', `${path}/operations/${operationId}`],
      ]
      const seen = []
      for (const [method, url, body] of calls) {
        const answer = await who.request(method, url, { body, headers: crew.headers })
        seen.push([method, answer.status, { ...answer.body, correlationId: '' }])
      }
      return seen
    }
    const hidden = await answers(credentialId)
    expect(hidden).toEqual(await answers(randomUUID()))
    expect(hidden.every(([, status]) => status === (role === 'viewer' ? status : 404))).toBe(true)
    for (const path of ['llm-providers', 'integrations']) {
      expect((await who.get(`/api/${path}/${credentialId}`, crew.headers)).status).toBe(404)
    }
    const listed = await who.get('/api/exchange-credentials', crew.headers)
    expect(listed.body.items).toEqual([])
  },
)

test('nobody else attaches it, and its owner attaches it to own agents alone', async () => {
  const { owner, editor } = others
  const theirs = await editor.post('/api/agents', { name: 'e', runtime: 'starter' }, crew.headers)
  for (const who of [owner, editor]) {
    const asked = { name: 'x', runtime: 'starter', providerKeyIds: [credentialId] }
    expect((await who.post('/api/agents', asked, crew.headers)).status).toBe(404)
    const patch = { providerKeyIds: [credentialId] }
    const patched = await who.patch(`/api/agents/${theirs.body.id}`, patch, crew.headers)
    expect([404, 409]).toContain(patched.status)
  }
  await database.asSuperuser(`update nora.operations set status = 'succeeded' where agent_id = $1`, [
    theirs.body.id,
  ])
  for (const call of [
    () => owner.patch(`/api/agents/${theirs.body.id}`, { providerKeyIds: [credentialId] }, crew.headers),
    () =>
      editor.post(
        `/api/agents/${theirs.body.id}/sync-keys`,
        { providerKeyIds: [credentialId] },
        crew.headers,
      ),
  ]) {
    expect((await call()).status).toBe(404)
  }
  const elsewhere = await trader.patch(
    `/api/agents/${theirs.body.id}`,
    { providerKeyIds: [credentialId] },
    crew.headers,
  )
  expect([elsewhere.status, elsewhere.body.code]).toEqual([403, 'key-not-shareable'])
})

test('an agent that holds it takes no other program from anybody else', async () => {
  await database.asSuperuser(`update nora.operations set status = 'succeeded' where agent_id = $1`, [agentId])
  const changed = await others.owner.patch(`/api/agents/${agentId}`, { env: { A: 'b' } }, crew.headers)
  expect([changed.status, changed.body.code]).toEqual([403, 'agent-holds-foreign-key'])
  const seen = await others.owner.get(`/api/agents/${agentId}`, crew.headers)
  expect(seen.body.providerKeys).toMatchObject([{ id: credentialId, label: null }])
})

test('it was left as it was, and in the audit stands that it was, not what it is', async () => {
  const mine = await trader.get(`/api/exchange-credentials/${credentialId}`, crew.headers)
  expect(mine.body).toMatchObject({ label, walletAddress, permission: 'trading_enabled', usedBy: [agentId] })
  const audit = await others.owner.get(`/api/audit?workspace=${crew.id}&limit=200`)
  expect(audit.text).toContain(credentialId)
  for (const word of telling) expect(audit.text).not.toContain(word)
})

test('a removed owner takes it along: the agent loses it, and nobody may open it here', async () => {
  const left = await others.owner.delete(`/api/workspaces/${crew.id}/members/${trader.user!.id}`)
  expect(left.body, left.text).toMatchObject({ detachedFrom: [{ agentId }] })
  const seen = await others.owner.get(`/api/agents/${agentId}`, crew.headers)
  expect(seen.body.providerKeys).toEqual([])
  expect((await trader.get(`/api/exchange-credentials/${credentialId}`, crew.headers)).status).toBe(404)
})
