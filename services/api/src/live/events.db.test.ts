import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import pg from 'pg'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { livePages } from '../testing/live-pages.ts'
import { type Team, team } from '../testing/team.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const redis = testRedis()
const api = testApi(database, redis, { config: { redisPatience: undefined } })
const live = livePages(api)
let here: Team
let there: Team
let viewer: Client
let editor: Client

beforeAll(async () => {
  here = await team(api)
  there = await team(api)
  viewer = await here.join('viewer')
  editor = await here.join('editor')
})
const deploy = async (by = here.owner, headers = here.headers): Promise<string> => {
  const made = await by.post('/api/agents', { name: 'a', runtime: 'starter' }, headers)
  expect(made.status, made.text).toBe(202)
  return made.body.id
}
const storeKey = (by: Client, path: string, more: object) =>
  by.post(
    path,
    { label: 'x', secret: { apiKey: 'sk-1234567890', apiSecret: 'y', token: 't' }, ...more },
    here.headers,
  )

describe('what a page is told', () => {
  test('names of what changed by the api, to those who may read it', async () => {
    const pages = {
      owner: await live.page(here.owner, here.id),
      editor: await live.page(editor, here.id),
      viewer: await live.page(viewer, here.id),
    }
    const id = await deploy()
    await pages.viewer.told('agents', `agent:${id}`)
    await pages.owner.told('agents', `agent:${id}`, 'audit')
    for (const page of Object.values(pages)) page.forget()

    const invited = await here.invite(here.owner, 'new@nora.test', 'viewer')
    expect(invited.status).toBe(201)
    await pages.owner.told('invitations', 'audit')
    const path = `/api/workspaces/${here.id}`
    expect((await here.owner.post(`${path}/api-keys`, { name: 'k', scopes: ['agents:read'] })).status).toBe(
      201,
    )
    await pages.owner.told('api-keys')
    const key = { provider: 'openai', secret: { apiKey: 'sk-1234567890' } }
    expect((await storeKey(editor, '/api/llm-providers', key)).status).toBe(201)
    const github = { provider: 'github', secret: { token: 'ghp_1' } }
    expect((await storeKey(editor, '/api/integrations', github)).status).toBe(201)
    expect((await here.owner.patch(path, { name: 'Renamed' })).status).toBe(200)
    const role = await here.setRole(here.owner, editor, 'viewer')
    expect(role.status, role.text).toBe(200)
    await pages.editor.told('members', 'me')
    for (const page of Object.values(pages))
      await page.told('provider-keys', 'integrations', 'workspace', 'members')
    await here.setRole(here.owner, editor, 'editor')
    const seldom = ['audit', 'invitations', 'api-keys']
    for (const page of [pages.viewer, pages.editor]) {
      expect(page.topics().filter((topic) => seldom.includes(topic))).toEqual([])
    }
  })

  test('an exchange credential, to its owner alone', async () => {
    const pages = [await live.page(editor, here.id), await live.page(here.owner, here.id)]
    const made = await storeKey(editor, '/api/exchange-credentials', {
      exchange: 'binance',
      secret: { apiKey: 'a', apiSecret: 'b' },
    })
    expect(made.status, made.text).toBe(201)
    await pages[0]!.told('exchange-credentials')
    await pages[1]!.told('audit')
    // What is told after it, to both, has not brought it to the other either.
    await deploy(editor)
    await pages[1]!.told('agents')
    expect(pages[1]!.topics()).not.toContain('exchange-credentials')
    // A test by a worker is the credential's too.
    pages[0]!.forget()
    await database.asSuperuser(
      `insert into nora.audit_log (event_type, actor_kind, actor_id, workspace_id, target_kind, target_id)
       values ('EXCHANGE_CREDENTIAL_TESTED', 'operation', 'x', $1, 'exchange-credential', $2)`,
      [here.id, made.body.id],
    )
    await pages[0]!.told('exchange-credentials')
    await pages[1]!.told('audit')
    expect(pages[1]!.topics()).not.toContain('exchange-credentials')
  })

  test('what a person does to their own account, on their own pages alone, wherever those are', async () => {
    const [mine, others] = [await live.page(viewer, here.id), await live.page(editor, here.id)]
    expect((await viewer.patch('/api/auth/me', { name: 'V' })).status).toBe(200)
    await mine.told('me')
    await deploy()
    await others.told('agents')
    expect(others.topics()).not.toContain('me')
  })

  test('nothing of another workspace', async () => {
    const [ours, theirs] = [await live.page(here.owner, here.id), await live.page(there.owner, there.id)]
    await deploy()
    await ours.told('agents')
    const id = await deploy(there.owner, there.headers)
    await theirs.told('agents')
    expect(theirs.topics().filter((topic) => topic.startsWith('agent:'))).toEqual([`agent:${id}`])
    expect(ours.topics()).not.toContain(`agent:${id}`)
  })
})

describe('nothing is missed', () => {
  test('of a transaction that began first and commits last', async () => {
    const page = await live.page(viewer, here.id)
    const [early, late] = [await deploy(), await deploy()]
    await page.told(`agent:${late}`)
    const slow = new pg.Client({ connectionString: database.superuserUrl })
    await slow.connect()
    try {
      await slow.query('begin')
      await slow.query(`update nora.agents set state_reason = 'slow' where id = $1`, [early])
      page.forget()
      // Many that began later are seen, and looked past, first.
      for (let round = 0; round < 3; round++) {
        page.forget()
        await database.asSuperuser(`update nora.agents set state_reason = 'quick' where id = $1`, [late])
        api.app.changes.ring(here.id)
        await page.told(`agent:${late}`)
      }
      expect(page.topics()).not.toContain(`agent:${early}`)
      page.forget()
      await slow.query('commit')
      api.app.changes.ring(here.id)
      await page.told(`agent:${early}`)
      expect(page.topics()).toEqual(['agents', `agent:${early}`].sort())
    } finally {
      await slow.end()
    }
  })

  test('without a bell, and while Redis is flushed or away', async () => {
    const page = await live.page(viewer, here.id)
    const id = await deploy()
    await page.told(`agent:${id}`)
    page.forget()
    // As a worker whose bell was lost.
    await database.asSuperuser(`update nora.agents set state = 'running' where id = $1`, [id])
    await page.told(`agent:${id}`)
    await api.deps.redis.flushall()
    const next = await deploy()
    await page.told(`agent:${next}`)
    page.forget()
    await redis.server.stop()
    try {
      await database.asSuperuser(`update nora.agents set state = 'running' where id = $1`, [next])
      await page.told(`agent:${next}`)
    } finally {
      await redis.restart()
    }
    await waitUntil('Redis', () => api.deps.redis.status === 'ready')
  })

  test('between two sockets, by the cursor of the first; a cursor of another workspace is none', async () => {
    const first = await live.page(viewer, here.id)
    const before = await deploy()
    await first.told(`agent:${before}`)
    const cursor = first.cursor()
    first.socket.close()
    await first.closed
    const missed = await deploy()
    const second = await live.page(viewer, here.id, { after: cursor })
    await second.told(`agent:${missed}`)
    expect(second.frames[0]!.resumed).toBe(true)
    expect(second.topics()).toEqual(['agents', `agent:${missed}`].sort())
    const elsewhere = await live.page(there.owner, there.id, { after: cursor })
    const garbage = await live.page(viewer, here.id, { after: 'x'.repeat(30) })
    expect([elsewhere.frames[0]!.resumed, garbage.frames[0]!.resumed]).toEqual([false, false])
  })
})

test('a burst of two hundred changes is a few frames', async () => {
  const page = await live.page(viewer, here.id)
  const ids = [await deploy(), await deploy()]
  await page.told(...ids.map((id) => `agent:${id}`))
  page.forget()
  const before = page.frames.length
  const began = performance.now()
  let changes = 0
  const change = async (id: string) => {
    while (changes < 200) {
      const name = `n${changes++}`
      const changed = await here.owner.patch(`/api/agents/${id}`, { name }, here.headers)
      expect(changed.status).toBe(200)
    }
  }
  await Promise.all(ids.map(change))
  await page.told(...ids.map((id) => `agent:${id}`))
  // One each fifth of a second at the most, for as long as this machine took for the burst.
  const looks = Math.ceil((performance.now() - began) / 200) + 3
  expect(page.frames.length - before).toBeLessThanOrEqual(looks)
})
