import { AgentPage } from '@nora/contract/agents'
import { ProviderKeyPage } from '@nora/contract/provider-keys'
import { decodeCursor, encodeCursor } from '@nora/db/cursor'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { Value } from 'typebox/value'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { testApi } from '../testing/test-api.ts'

// Lists are built as JSON by Postgres: they must say what their schema says, and what a look at one thing says.
const database = testDatabase()
const api = testApi(database, testRedis())
let ada: Client
let ids: string[]
const name = 'a "name" \\ with <b>, ü, 🦉 and \u2028x'

beforeAll(async () => {
  ada = await api.signUp()
  const key = await ada.post('/api/llm-providers', {
    provider: 'openai',
    label: name.slice(0, 30),
    secret: { apiKey: 'sk-test-0123456789abcdef0123456789' },
  })
  ids = []
  for (let n = 0; n < 4; n++) {
    const providerKeyIds = n % 2 ? [key.body.id] : []
    const answer = await ada.post('/api/agents', { name: `agent ${n}`, runtime: 'starter', providerKeyIds })
    ids.push(answer.body.id)
  }
  const look = (id: string, change: string, values: unknown[] = []) =>
    database.asSuperuser(
      `update nora.${change} where ${change.startsWith('agents') ? 'id' : 'agent_id'} = $1`,
      [id, ...values],
    )
  await look(ids[0]!, `agents set name = $2, state_reason = $2, disk_enforced = false, cpus = 0.125`, [name])
  await look(ids[0]!, `operations set status = 'leased', worker_id = 'w', step = 'start', reason = $2`, [
    name,
  ])
  await look(
    ids[1]!,
    `operations set status = 'failed', finished_at = '2026-01-02 03:04:05.9999+02',
      error = '{"code": "no-image", "message": "there is none", "exitCode": 3}'`,
  )
  await look(ids[1]!, `agents set state = 'error', created_at = created_at - interval '1 day'`)
  await look(ids[1]!, `agent_credentials set synced_secret_version = 2, synced_at = '2026-01-02 03:04:05+00'`)
  await look(ids[2]!, `operations set status = 'cancelled', finished_at = now(), error = '{}'`)
})

describe('the list of agents', () => {
  test('has each agent as its own page has it', async () => {
    const { body } = await ada.get('/api/agents')
    expect(body.items.map((one: { id: string }) => one.id)).toEqual([ids[3], ids[2], ids[0], ids[1]])
    for (const item of body.items) {
      const {
        env: _e,
        config: _c,
        command: _o,
        port: _p,
        ...summary
      } = (await ada.get(`/api/agents/${item.id}`)).body
      expect(item).toEqual(summary)
    }
    expect(body.items[2]).toMatchObject({
      name,
      resources: { cpus: 0.125 },
      operation: { reason: name, status: 'running' },
    })
    expect(body.items[3]).toMatchObject({
      providerKeys: [{ syncedSecretVersion: 2, syncedAt: '2026-01-02T03:04:05.000Z' }],
      operation: {
        finishedAt: '2026-01-02T01:04:05.999Z',
        error: { code: 'no-image', message: 'there is none', exitCode: 3 },
      },
    })
    // A page that comes in many pieces, with characters of several bytes where they are cut.
    const long = 'üx🦉\u2028'.repeat(2_000)
    await database.asSuperuser('update nora.agents set state_reason = $1', [long])
    const longer = (await ada.get('/api/agents')).body.items
    expect(longer.map((one: { stateReason: string }) => one.stateReason)).toEqual(Array(4).fill(long))
    expect(body.items[1].operation.error).toEqual({ code: 'internal', message: 'it failed without a reason' })
  })

  test('is what its schema says', async () => {
    const { body, headers } = await ada.get('/api/agents')
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect([...Value.Errors(AgentPage, body)]).toEqual([])
    expect(Value.Check(AgentPage, { ...body, items: [{ ...body.items[0], extra: 1 }] })).toBe(false)
  })

  test.each([1, 2, 3, 4])('comes whole in pages of %i', async (limit) => {
    const seen: string[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const { body } = await ada.get(`/api/agents?limit=${limit}${cursor && `&cursor=${cursor}`}`)
      expect(body.items.length).toBeLessThanOrEqual(limit)
      seen.push(...body.items.map((one: { id: string }) => one.id))
      cursor = body.nextCursor
      if (cursor !== null) expect(encodeCursor(decodeCursor(cursor))).toBe(cursor)
    }
    expect(seen).toEqual([ids[3], ids[2], ids[0], ids[1]])
  })

  test('takes filters together', async () => {
    const found = async (query: string) =>
      (await ada.get(`/api/agents?${query}`)).body.items.map((one: { id: string }) => one.id)
    expect(await found('state=error')).toEqual([ids[1]])
    expect(await found('q=AGENT')).toEqual([ids[3], ids[2], ids[1]])
    expect(await found('q=AGENT&state=queued&limit=1')).toEqual([ids[3]])
    const { body } = await ada.get('/api/agents?q=AGENT&state=queued&limit=1')
    expect(await found(`q=AGENT&state=queued&limit=1&cursor=${body.nextCursor}`)).toEqual([ids[2]])
    expect(await found(`q=${encodeURIComponent('% \\')}`)).toEqual([])
  })

  test('of nobody else’s agents is empty', async () => {
    const bob = await api.signUp()
    expect((await bob.get('/api/agents')).body).toEqual({ items: [], nextCursor: null })
  })
})

test('the list of keys has each key as its own page has it, and is what its schema says', async () => {
  await ada.post('/api/llm-providers', {
    provider: 'openai',
    label: 'second',
    secret: { apiKey: 'sk-test-0123456789abcdef0123456780' },
  })
  await database.asSuperuser(`update nora.credentials set last_used_at = now() where label = 'second'`)
  const { body } = await ada.get('/api/llm-providers')
  expect(body.items).toHaveLength(2)
  expect([...Value.Errors(ProviderKeyPage, body)]).toEqual([])
  for (const item of body.items) {
    expect(item).toEqual((await ada.get(`/api/llm-providers/${item.id}`)).body)
  }
  expect(body.items[1].usedBy).toEqual([ids[1], ids[3]])
  const first = await ada.get('/api/llm-providers?limit=1')
  const second = await ada.get(`/api/llm-providers?limit=1&cursor=${first.body.nextCursor}`)
  expect([...first.body.items, ...second.body.items]).toEqual(body.items)
  expect(second.body.nextCursor).toBeNull()
})
