import { waitUntil } from '@nora/testing/wait-until'
import { beforeAll, expect, test } from 'vitest'
import { type Client, signedIn, within } from './client.ts'
import { stack } from './stack.ts'

const it = stack()
const bobsKey = 'sk-test-of-bob-0123456789abcdefghijklmnop-BOB1'
let alice: Client
let bob: Client
let team: string
let agents: string[]

const passwordOf = (name: string) => ({ password: `correct horse ${name} battery` })
const filters = (agentId: string) => ({ label: [`com.nora.agent=${agentId}`] })

async function tracesOf(agentId: string): Promise<unknown[]> {
  const [containers, networks, volumes] = await Promise.all([
    it.docker.listContainers({ all: true, filters: filters(agentId) }),
    it.docker.listNetworks({ filters: filters(agentId) }),
    it.docker.listVolumes({ filters: filters(agentId) }),
  ])
  return [...containers, ...networks, ...(volumes.Volumes ?? [])]
}

beforeAll(async () => {
  alice = await signedIn(it, 'alice')
  bob = await signedIn(it, 'bob')
  expect((await alice.post('auth/step-up', passwordOf('alice'))).status).toBe(204)
  team = String((await alice.post('workspaces', { name: 'Team' })).body['id'])
})

test('somebody who is invited joins and lends a key, and it is gone from the agent when they are removed', async () => {
  const invited = await alice.post(`workspaces/${team}/invitations`, {
    email: 'bob@example.test',
    role: 'editor',
  })
  expect(invited.status, JSON.stringify(invited.body)).toBe(201)
  const joined = await bob.post('workspaces/invitations/accept', { token: invited.body['token'] })
  expect(joined.body).toMatchObject({ id: team, role: 'editor' })
  const lent = await within(it, bob, team).post('llm-providers', {
    provider: 'openai',
    label: 'lent',
    secret: { apiKey: bobsKey },
    sharedWithWorkspace: true,
  })
  expect(lent.status, JSON.stringify(lent.body)).toBe(201)
  const here = within(it, alice, team)
  const [holder, other] = await Promise.all([
    here.deploy({ name: 'holder', runtime: 'starter', providerKeyIds: [lent.body['id']] }),
    here.deploy({ name: 'other', runtime: 'starter' }),
  ])
  agents = [holder, other]
  await here.until(holder, 'running', 120_000)
  await here.until(other, 'running', 120_000)
  expect((await here.agent(holder)).providerKeys).toMatchObject([{ syncedSecretVersion: 1 }])

  const members = await alice.get<{ items: { userId: string; role: string }[] }>(`workspaces/${team}/members`)
  const { userId } = members.body.items.find(({ role }) => role === 'editor')!
  // How long the agents took to run is nothing to the ten minutes of the first one.
  expect((await alice.post('auth/step-up', passwordOf('alice'))).status).toBe(204)
  const removed = await alice.delete(`workspaces/${team}/members/${userId}`)
  expect(removed.body, JSON.stringify(removed.body)).toMatchObject({ detachedFrom: [{ agentId: holder }] })
  const agent = await here.until(holder, 'running')
  expect(agent).toMatchObject({ providerKeys: [], operation: { kind: 'sync-keys', status: 'succeeded' } })
  const asked = await here.post(`agents/${holder}/invoke/v1/chat/completions`, {
    model: 'test',
    messages: [{ role: 'user', content: 'hi' }],
  })
  expect(asked.status).toBe(503) // it has no key to answer with
  expect((await within(it, bob, team).get(`agents/${holder}`)).status).toBe(404)
})

test('a deleted workspace goes with its last agent, and leaves nothing on the engine or in the tables', async () => {
  const [holder, other] = agents as [string, string]
  const here = within(it, alice, team)
  await here.post(`agents/${other}/stop`)
  await here.until(other, 'stopped')
  const said = await alice.delete(`workspaces/${team}`)
  expect([said.status, said.body['code']]).toEqual([409, 'workspace-not-empty'])
  expect(said.body['agents']).toHaveLength(2)
  const ending = await alice.delete(`workspaces/${team}?force=true`)
  expect([ending.status, ending.body['status']], JSON.stringify(ending.body)).toEqual([202, 'deleting'])
  await waitUntil(
    'the workspace to be gone',
    async () => (await alice.get(`workspaces/${team}`)).status === 404,
    { deadlineMs: 240_000 },
  )
  expect([...(await tracesOf(holder)), ...(await tracesOf(other))]).toEqual([])
  for (const table of ['agents', 'operations', 'credentials', 'log_chunks', 'memberships']) {
    const rows = await it.database.asSuperuser(`select 1 from nora.${table} where workspace_id = $1`, [team])
    expect(rows, table).toEqual([])
  }
})
