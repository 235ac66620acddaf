import { randomUUID } from 'node:crypto'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { everyScope, type MadeKey, makeKey, program } from '../testing/program.ts'
import { stepUp, type Team, team } from '../testing/team.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const hub = '/api/agent-hub'
let here: Team
let made: MadeKey
let bot: Client

beforeAll(async () => {
  here = await team(api)
  made = await makeKey(here.owner, here.id)
  bot = program(api, made.key)
})

async function agent(by = bot, more: object = {}): Promise<string> {
  const answer = await by.post(`${hub}/agents`, { name: 'a', runtime: 'starter', ...more })
  expect(answer.status, answer.text).toBe(202)
  await idle(answer.body.id)
  return answer.body.id
}
const idle = (id: string) =>
  database.asSuperuser(
    `update nora.operations set status = 'succeeded', finished_at = now() where agent_id = $1`,
    [id],
  )
const theirs = async (who: Client, more: object = {}) => {
  const body = { provider: 'openai', label: 'k', secret: { apiKey: 'sk-test' }, ...more }
  const answer = await who.post('/api/llm-providers', body, here.headers)
  expect(answer.status, answer.text).toBe(201)
  return answer.body.id as string
}

describe('a program', () => {
  test('makes an agent that is its maker’s, sees it, works it and deletes it', async () => {
    const answer = await bot.post(`${hub}/agents`, { name: 'by a program', runtime: 'starter' })
    expect(answer.status, answer.text).toBe(202)
    const { id } = answer.body
    expect(answer.headers.get('location')).toBe(`${hub}/agents/${id}`)
    expect(answer.body).toMatchObject({ createdBy: here.owner.user!.id, operation: { kind: 'provision' } })
    expect((await bot.get(`${hub}/agents/${id}`)).body.id).toBe(id)
    const list = await bot.get(`${hub}/agents?q=by a prog`)
    expect(list.body.items.map((item: { id: string }) => item.id)).toEqual([id])
    for (const verb of ['restart', 'stop', 'start']) {
      await idle(id)
      const asked = await bot.post(`${hub}/agents/${id}/${verb}`)
      expect([asked.status, asked.body.operation.kind]).toEqual([202, verb])
      expect(asked.headers.get('location')).toBe(`${hub}/agents/${id}`)
    }
    expect((await bot.post(`${hub}/agents/${id}/start`)).body.code).toBe('agent-busy')
    const gone = await bot.delete(`${hub}/agents/${id}`)
    expect([gone.status, gone.body.state]).toEqual([202, 'deleting'])
    expect((await here.owner.get(`/api/agents/${id}`, here.headers)).body.operation.kind).toBe('delete')
  })

  test('syncs keys, its maker’s and shared ones, never another member’s own', async () => {
    const editor = await stepUp(await here.join('editor'))
    const [own, shared, foreign] = [
      await theirs(here.owner),
      await theirs(editor, { sharedWithWorkspace: true }),
      await theirs(editor),
    ]
    const id = await agent(bot, { providerKeyIds: [own] })
    const sync = (providerKeyIds?: string[]) => bot.post(`${hub}/agents/${id}/sync-keys`, { providerKeyIds })
    const both = await sync([own, shared])
    expect([both.status, both.body.providerKeys.length], both.text).toEqual([202, 2])
    await idle(id)
    expect((await sync([foreign])).body.code).toBe('not-found')
    expect((await sync()).status).toBe(202)
  })

  test('gives a key to no agent, not even to one that it makes, without the scope for that', async () => {
    const own = await theirs(here.owner)
    const scopes = ['agents:read', 'agents:write']
    const writer = program(api, (await makeKey(here.owner, here.id, { scopes })).key)
    const create = (providerKeyIds: string[]) =>
      writer.post(`${hub}/agents`, { name: 'a', runtime: 'starter', providerKeyIds })
    const refused = await create([own])
    expect([refused.status, refused.body.code, refused.body.scope]).toEqual([
      403,
      'missing-scope',
      'keys:sync',
    ])
    expect((await create([])).status).toBe(202)
    expect((await agent(bot, { providerKeyIds: [own] })).length).toBe(36)
  })

  test('reads the log of an agent, what it uses, and the catalogue', async () => {
    const id = await agent()
    const logs = await bot.get(`${hub}/agents/${id}/logs`)
    expect([logs.status, logs.body]).toEqual([200, { items: [], nextCursor: null }])
    const metrics = await bot.get(`${hub}/agents/${id}/metrics`)
    expect([metrics.status, metrics.body]).toEqual([200, { items: [], step: 10 }])
    const catalog = await bot.get(`${hub}/catalog`)
    expect(catalog.body.items.map((item: { id: string }) => item.id)).toEqual(['starter', 'image'])
    const starter = await bot.get(`${hub}/catalog/starter`)
    expect(starter.body).toMatchObject({ id: 'starter', needsImage: false, httpPort: 8080 })
    expect((await bot.get(`${hub}/catalog/image`)).body.needsImage).toBe(true)
    expect((await bot.get(`${hub}/catalog/no`)).status).toBe(404)
  })

  test('meets the same rules as a person: quotas, specs, secrets in env, what is absent', async () => {
    const create = async (body: object) => (await bot.post(`${hub}/agents`, body)).body.code
    expect(await create({ name: 'a', runtime: 'nope' })).toBe('runtime-unknown')
    const env = { TOKEN: made.key }
    expect(await create({ name: 'a', runtime: 'starter', env })).toBe('secret-in-env')
    expect(await create({ name: 'a', runtime: 'starter', resources: { cpus: 100 } })).toBe('quota-exceeded')
    expect(await create({ name: 'a', runtime: 'starter', owner: 'x' })).toBe('bad-request')
    const other = await team(api)
    const foreign = await agent(program(api, (await makeKey(other.owner, other.id)).key))
    for (const id of [foreign, randomUUID(), 'x']) {
      const calls = [
        bot.get(`${hub}/agents/${id}`),
        bot.post(`${hub}/agents/${id}/stop`),
        bot.post(`${hub}/agents/${id}/sync-keys`, {}),
        bot.delete(`${hub}/agents/${id}`),
        bot.get(`${hub}/agents/${id}/logs`),
        bot.get(`${hub}/agents/${id}/metrics`),
        bot.get(`${hub}/agents/${id}/invoke/x`),
      ]
      const statuses = (await Promise.all(calls)).map(({ status }) => status)
      expect(statuses, id).toEqual(Array(7).fill(id === 'x' ? 400 : 404))
    }
  })
})

describe('what a program does', () => {
  test('is audited as the key’s, with who made it, and its operations say so', async () => {
    const id = await agent()
    const { body } = await bot.post(`${hub}/agents/${id}/stop`)
    const operation = await here.owner.get(`/api/agents/${id}/operations/${body.operation.id}`, here.headers)
    expect(operation.body).toMatchObject({ requestedBy: here.owner.user!.id, requestedByKey: made.id })
    const rows = await database.asSuperuser(
      `select event_type, actor_kind, actor_id, details ->> 'createdBy' as by, host(ip) as ip from nora.audit_log
       where target_id = $1 order by seq`,
      [id],
    )
    const actor = { actor_kind: 'api_key', actor_id: made.id, by: here.owner.user!.id, ip: '127.0.0.1' }
    expect(rows).toEqual([
      { event_type: 'AGENT_CREATED', ...actor },
      { event_type: 'AGENT_PROVISION_REQUESTED', ...actor },
      { event_type: 'AGENT_STOP_REQUESTED', ...actor },
    ])
    const shown = await here.owner.get(`/api/audit?workspace=${here.id}&actor=${made.id}&limit=1`)
    expect(shown.body.items[0]).toMatchObject({
      eventType: 'AGENT_STOP_REQUESTED',
      userId: here.owner.user!.id,
      actor: { kind: 'api_key', id: made.id },
    })
    const byPerson = await here.owner.get(
      `/api/audit?workspace=${here.id}&actor=${here.owner.user!.id}&limit=1`,
    )
    expect(byPerson.body.items[0].id).toBe(shown.body.items[0].id)
    const exported = await here.owner.get(`/api/audit/export?workspace=${here.id}&type=AGENT_STOP_REQUESTED`)
    expect(JSON.parse(exported.text.trim().split('\n').at(-1)!)).toMatchObject({
      event_type: 'AGENT_STOP_REQUESTED',
      user_id: here.owner.user!.id,
    })
  })

  test('is done once for one Idempotency-Key, which is not that of its maker nor of another key', async () => {
    const headers = { 'idempotency-key': randomUUID() }
    const body = { name: 'once', runtime: 'starter' }
    const first = await bot.post(`${hub}/agents`, body, headers)
    const again = await bot.post(`${hub}/agents`, body, headers)
    expect([first.status, again.status, again.body.id]).toEqual([202, 202, first.body.id])
    expect(again.headers.get('idempotency-replayed')).toBe('true')
    const changed = await bot.post(`${hub}/agents`, { ...body, name: 'twice' }, headers)
    expect(changed.body.code).toBe('idempotency-key-reused')
    const other = program(api, (await makeKey(here.owner, here.id, { scopes: everyScope })).key)
    const others = [
      await other.post(`${hub}/agents`, body, headers),
      await here.owner.post('/api/agents', body, { ...headers, ...here.headers }),
    ]
    expect(others.map(({ status }) => status)).toEqual([202, 202])
    expect(new Set([first, ...others].map((answer) => answer.body.id)).size).toBe(3)
  })
})
