import { randomUUID } from 'node:crypto'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis(), {
  config: { limits: { vcpu: 2, ramMb: 1024, diskGb: 2, agents: 1_000 } },
})
let ada: Client
let bob: Client
beforeAll(async () => {
  ada = await api.signUp()
  bob = await api.signUp()
})

const imageAgent = { runtime: 'image', image: 'registry.example.com/team/agent:1', port: 8080 }
async function make(who: Client, more: object = {}) {
  const answer = await who.post('/api/agents', { name: 'worker bee', runtime: 'starter', ...more })
  expect(answer.status, answer.text).toBe(202)
  return answer.body
}

test('an agent is accepted with everything that says what it will be', async () => {
  const answer = await ada.post('/api/agents', { name: 'bee', runtime: 'starter', resources: { cpus: 0.25 } })
  expect(answer.status).toBe(202)
  expect(answer.headers.get('location')).toBe(`/api/agents/${answer.body.id}`)
  expect(answer.body).toMatchObject({
    name: 'bee',
    runtime: 'starter',
    image: null,
    target: 'docker',
    sandboxProfile: 'standard',
    resources: { cpus: 0.25, memoryMb: 192, diskMb: 128, pids: 64 },
    diskEnforced: null,
    state: 'queued',
    stateReason: 'waiting for a worker',
    desiredState: 'running',
    generation: 1,
    observedGeneration: 0,
    providerKeys: [],
    createdBy: ada.user?.id,
    operation: { kind: 'provision', status: 'queued', step: null, finishedAt: null, error: null },
  })
  expect((await ada.get(`/api/agents/${answer.body.id}`)).body).toEqual(answer.body)
})

test('request, operation, event and audit row are one', async () => {
  const agent = await make(ada)
  const events = await ada.get(`/api/agents/${agent.id}/events`)
  expect(events.body.items.map((event: { type: string }) => event.type)).toEqual([
    'agent.created',
    'operation.requested',
  ])
  const audit = await database.asSuperuser<{ event_type: string; actor_id: string; correlation_id: string }>(
    'select * from nora.audit_log where target_id = $1 order by seq',
    [agent.id],
  )
  expect(audit.map((row) => row.event_type)).toEqual(['AGENT_CREATED', 'AGENT_PROVISION_REQUESTED'])
  expect(audit.every((row) => row.actor_id === ada.user?.id && row.correlation_id)).toBe(true)
  const rung = await api.deps.queue.getJobs(['waiting'])
  expect(rung.map((job) => job.data)).toContainEqual({ operationId: agent.operation.id })
})

describe('what is refused', () => {
  const sk = `sk-proj-${'a1B2'.repeat(8)}`
  const cases: [string, object, number, string][] = [
    ['Proxmox', { target: 'proxmox' }, 422, 'target-unavailable'],
    ['Kubernetes', { target: 'kubernetes' }, 422, 'target-unavailable'],
    ['a target nobody knows', { target: 'moon' }, 422, 'target-unavailable'],
    ['a profile of later', { sandboxProfile: 'hardened' }, 422, 'profile-unavailable'],
    ['another name of it', { sandboxProfile: 'nemoclaw' }, 422, 'profile-unavailable'],
    ['a runtime nobody knows', { runtime: 'nobody' }, 422, 'runtime-unknown'],
    ['an image where the runtime brings one', { image: 'x:1' }, 422, 'invalid-agent'],
    ['no image where it needs one', { runtime: 'image' }, 422, 'invalid-agent'],
    ['too little memory', { resources: { memoryMb: 1 } }, 422, 'invalid-agent'],
    ['too many CPUs', { resources: { cpus: 2.001 } }, 422, 'quota-exceeded'],
    ['too much memory', { resources: { memoryMb: 1025 } }, 422, 'quota-exceeded'],
    ['too much disk', { resources: { diskMb: 2049 } }, 422, 'quota-exceeded'],
    ['a key in env', { env: { MY_SETTING: sk } }, 422, 'secret-in-env'],
    ['a password in env', { env: { DB_PASSWORD: 'correct horse' } }, 422, 'secret-in-env'],
    ['a key deep in config', { ...imageAgent, config: { a: { b: [sk] } } }, 422, 'secret-in-env'],
    ['a key in the command', { ...imageAgent, command: ['run', '--key', sk] }, 422, 'secret-in-env'],
    ['an unknown field', { colour: 'red' }, 400, 'bad-request'],
    ['an unknown resource', { resources: { gpus: 1 } }, 400, 'bad-request'],
    ['a number as a name', { name: 7 }, 400, 'bad-request'],
    ['a name of two lines', { name: 'a\nb' }, 400, 'bad-request'],
    ['a name with a NUL', { name: 'a\u0000b' }, 400, 'bad-request'],
    ['half a character in config', { ...imageAgent, config: { a: '\ud800' } }, 400, 'bad-request'],
    ['a port that is none', { ...imageAgent, port: 70_000 }, 400, 'bad-request'],
    ['the same key twice', { providerKeyIds: [randomUUID()].flatMap((id) => [id, id]) }, 400, 'bad-request'],
    ['a key that is not there', { providerKeyIds: [randomUUID()] }, 404, 'not-found'],
    ['a key that is no id', { providerKeyIds: ['x'] }, 400, 'bad-request'],
    ['more CPUs than a column holds', { resources: { cpus: 1e300 } }, 400, 'bad-request'],
  ]
  test.each(cases)('%s', async (_, more, status, code) => {
    const answer = await ada.post('/api/agents', { name: 'x', runtime: 'starter', ...more })
    expect(answer.status, answer.text).toBe(status)
    expect(answer.body.code).toBe(code)
    expect(answer.text).not.toContain(sk)
    expect(answer.text).not.toContain('correct horse')
  })

  test('a refusal says why: the quota, the reason of a target, the right way for a secret', async () => {
    const quota = await ada.post('/api/agents', { name: 'x', runtime: 'starter', resources: { cpus: 3 } })
    expect(quota.body).toMatchObject({ quota: 'MAX_VCPU', limit: 2, requested: 3 })
    const proxmox = await ada.post('/api/agents', { name: 'x', runtime: 'starter', target: 'proxmox' })
    expect(proxmox.body.reason).toMatch(/planned/)
    for (const name of ['constructor', 'toString', '__proto__']) {
      const target = await ada.post('/api/agents', { name: 'x', runtime: 'starter', target: name })
      expect(target.body.reason).toMatch(/no such target/)
      const profile = await ada.post('/api/agents', { name: 'x', runtime: 'starter', sandboxProfile: name })
      expect(profile.body.detail).toMatch(/no such profile/)
    }
    const secret = await ada.post('/api/agents', { name: 'x', runtime: 'starter', env: { A: sk } })
    expect(secret.body.detail).toMatch(/llm-providers/)
    expect(secret.body.errors).toEqual([{ path: 'body/env/A', message: 'looks like an sk- key' }])
  })
})

test('lists are filtered, paged and complete', async () => {
  const carl = await api.signUp()
  const ids: string[] = []
  for (const name of ['Alpha', 'beta', '100%_x', 'alphabet']) ids.unshift((await make(carl, { name })).id)
  const namesOf = async (query: string) =>
    (await carl.get(`/api/agents?${query}`)).body.items.map((agent: { name: string }) => agent.name)
  expect(await namesOf('q=ALPHA')).toEqual(['alphabet', 'Alpha'])
  expect(await namesOf('q=%25_')).toEqual(['100%_x'])
  expect(await namesOf('state=running')).toEqual([])
  expect(await namesOf('state=queued&limit=2')).toEqual(['alphabet', '100%_x'])
  const first = await carl.get('/api/agents?limit=3')
  const second = await carl.get(`/api/agents?limit=3&cursor=${first.body.nextCursor}`)
  const seen = [...first.body.items, ...second.body.items].map((agent: { id: string }) => agent.id)
  expect(seen).toEqual(ids)
  expect(second.body.nextCursor).toBeNull()
  for (const query of ['state=sleeping', 'limit=201', 'limit=x', 'cursor=!', 'colour=red']) {
    expect((await carl.get(`/api/agents?${query}`)).status, query).toBe(400)
  }
})

test('another tenant finds nothing, and it looks exactly like absence', async () => {
  const agent = await make(ada)
  const absent = randomUUID()
  const calls = (id: string): [string, string, unknown?][] => [
    ['GET', `/api/agents/${id}`],
    ['PATCH', `/api/agents/${id}`, { name: 'mine' }],
    ['DELETE', `/api/agents/${id}`],
    ...['start', 'stop', 'restart', 'redeploy', 'sync-keys'].map((verb): [string, string] => [
      'POST',
      `/api/agents/${id}/${verb}`,
    ]),
    ['GET', `/api/agents/${id}/operations`],
    ['GET', `/api/agents/${id}/operations/${agent.operation.id}`],
    ['POST', `/api/agents/${id}/operations/${agent.operation.id}/cancel`],
    ['GET', `/api/agents/${id}/events`],
    ['GET', `/api/agents/${id}/logs`],
    ['GET', `/api/agents/${id}/logs?after=0`],
    ['POST', '/api/llm-providers/sync', { agentId: id }],
  ]
  const seen = (id: string) =>
    Promise.all(
      calls(id).map(async ([method, path, body]) => {
        const answer = await bob.request(method, path, { body })
        return [answer.status, { ...answer.body, correlationId: '' }]
      }),
    )
  const hidden = await seen(agent.id)
  expect(hidden).toEqual(await seen(absent))
  expect(hidden.map(([status]) => status)).toEqual(hidden.map(() => 404))
  expect((await bob.get('/api/agents')).body.items).toEqual([])
  const workspace = (await ada.get('/api/auth/me')).body.personalWorkspaceId
  expect((await bob.get('/api/agents', { 'x-nora-workspace': workspace })).status).toBe(404)
  expect((await ada.get(`/api/agents/${agent.id}`)).body).toEqual(agent)
})

test('an operation of another agent is not found under this one', async () => {
  const [one, two] = [await make(ada), await make(ada)]
  expect((await ada.get(`/api/agents/${one.id}/operations/${two.operation.id}`)).status).toBe(404)
  expect((await ada.post(`/api/agents/${one.id}/operations/${two.operation.id}/cancel`)).status).toBe(404)
})

test('a repeat with the same Idempotency-Key makes one agent', async () => {
  const carl = await api.signUp()
  const headers = { 'idempotency-key': randomUUID() }
  const body = { name: 'once', runtime: 'starter' }
  const answers = [
    await carl.post('/api/agents', body, headers),
    await carl.post('/api/agents', body, headers),
  ]
  expect(answers[0]!.body).toEqual(answers[1]!.body)
  expect((await carl.get('/api/agents')).body.items).toHaveLength(1)
  expect((await carl.post('/api/agents', { ...body, name: 'two' }, headers)).body.code).toBe(
    'idempotency-key-reused',
  )
})

test('a call that takes no body takes an empty one, and no other', async () => {
  const agent = await make(ada)
  expect((await ada.post(`/api/agents/${agent.id}/stop`, { force: true })).status).toBe(400)
  expect((await ada.post(`/api/agents/${agent.id}/stop`, [])).status).toBe(400)
  expect((await ada.post(`/api/agents/${agent.id}/stop`, {})).status).toBe(202)
})

test('no answer is a fault, whatever is sent', async () => {
  const agent = await make(ada)
  const paths = ['', '/operations', '/events', '/logs']
  const queries = [
    '?limit=-1',
    '?after=1e99',
    '?before=x',
    '?generation=99999999999',
    '?q=',
    '?cursor=AAAA',
    '?a=1',
  ]
  for (const path of paths) {
    for (const query of queries) {
      const { status, body } = await ada.get(`/api/agents/${agent.id}${path}${query}`)
      expect([200, 400], `${path}${query}`).toContain(status)
      if (status === 400) expect(body.code).toBe('bad-request')
    }
  }
})
