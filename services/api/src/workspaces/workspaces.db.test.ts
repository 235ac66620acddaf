import { agentsWithoutData } from '@nora/db/fleet'
import { sweepWorkspaces } from '@nora/db/workspaces'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { describe, expect, test } from 'vitest'
import type { Answer, Client } from '../testing/client.ts'
import { type Team, team } from '../testing/team.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const said = ({ status, body }: Answer) => [status, body?.code]
const key = { provider: 'openai', label: 'mine', secret: { apiKey: 'k' } }

const make = async (who: Client, t: Team, path: string, body: object) => {
  const answer = await who.post(path, body, t.headers)
  expect(answer.status, answer.text).toBeLessThan(300)
  return answer.body
}
const agent = (t: Team, name: string) => make(t.owner, t, '/api/agents', { name, runtime: 'starter' })
/** What a worker leaves behind when it has deleted every agent of the workspace, some time ago. */
const agentsGone = (t: Team) =>
  database.asSuperuser(
    `with o as (update nora.operations set status = 'succeeded', finished_at = now() where workspace_id = $1)
     update nora.agents set deleted_at = now() - interval '1 minute' where workspace_id = $1 and desired_state = 'deleted'`,
    [t.id],
  )
const auditOf = async (t: Team) =>
  (
    await database.asSuperuser('select event_type from nora.audit_log where workspace_id = $1 order by seq', [
      t.id,
    ])
  ).map((row) => row['event_type'])

describe('a workspace', () => {
  test('is made, listed, renamed; a repeat makes no second', async () => {
    const who = await api.signUp()
    const post = () => who.post('/api/workspaces', { name: 'Lab' }, { 'idempotency-key': 'lab' })
    const made = await post()
    expect(made.status).toBe(201)
    expect(made.headers.get('location')).toBe(`/api/workspaces/${made.body.id}`)
    expect(made.body).toMatchObject({ name: 'Lab', role: 'owner', personal: false, deleting: false })
    expect((await post()).body).toEqual(made.body)
    expect((await who.get('/api/workspaces')).body.items.map((one: { name: string }) => one.name)).toEqual([
      'Personal',
      'Lab',
    ])
    const path = `/api/workspaces/${made.body.id}`
    expect((await who.patch(path, { name: 'Lab 2' })).body).toEqual({ ...made.body, name: 'Lab 2' })
    for (const body of [
      {},
      { name: '' },
      { name: 'x'.repeat(101) },
      { name: 'a\nb' },
      { name: 1 },
      { name: 'a', role: 'x' },
    ]) {
      expect((await who.patch(path, body)).status).toBe(400)
      expect((await who.post('/api/workspaces', body)).status).toBe(400)
    }
  })

  test('is one of ten that a person owns, however many ask at once', async () => {
    const who = await api.signUp()
    const answers = await Promise.all(
      Array.from({ length: 14 }, (_, n) => who.post('/api/workspaces', { name: `w${n}` })),
    )
    const codes = answers.filter(({ status }) => status !== 201).map(said)
    expect(codes).toEqual(Array(5).fill([422, 'workspace-limit']))
  })

  test('is renamed by an admin and deleted by an owner, and for a stranger it is not there', async () => {
    const t = await team(api)
    const [ed, admin, stranger] = [await t.join('editor'), await t.join('admin'), await api.signUp()]
    const path = `/api/workspaces/${t.id}`
    expect(said(await ed.patch(path, { name: 'x' }))).toEqual([403, 'forbidden'])
    expect((await admin.patch(path, { name: 'x' })).status).toBe(200)
    expect(said(await admin.delete(`${path}?force=true`))).toEqual([403, 'forbidden'])
    expect(said(await stranger.patch(path, { name: 'x' }))).toEqual([404, 'not-found'])
    expect(said(await stranger.delete(`${path}?force=true`))).toEqual([404, 'not-found'])
  })
})

describe('deleting a workspace', () => {
  test('an empty one goes at once, for every member', async () => {
    const t = await team(api)
    const ed = await t.join('editor')
    expect((await t.owner.delete(`/api/workspaces/${t.id}`)).status).toBe(204)
    for (const who of [t.owner, ed]) {
      expect((await who.get(`/api/workspaces/${t.id}`)).status).toBe(404)
      expect((await who.get('/api/workspaces')).body.items).toHaveLength(1)
    }
    expect((await auditOf(t)).slice(-2)).toEqual(['WORKSPACE_DELETE_REQUESTED', 'WORKSPACE_DELETED'])
  })

  test('an empty one that is deleted many times at once goes once, and is then not there', async () => {
    const t = await team(api)
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => t.owner.delete(`/api/workspaces/${t.id}`)),
    )
    const statuses = answers.map(({ status }) => status).sort()
    expect(statuses).toEqual([204, ...Array(7).fill(404)])
  })

  test('a personal one stays, forced or not', async () => {
    const who = await api.signUp()
    const { personalWorkspaceId: id } = (await who.get('/api/auth/me')).body
    for (const query of ['', '?force=true']) {
      expect(said(await who.delete(`/api/workspaces/${id}${query}`))).toEqual([409, 'personal-workspace'])
    }
  })

  test('says first what goes: agents, the keys one sees, and how many one does not', async () => {
    const t = await team(api)
    const ed = await t.join('editor')
    const [one, two] = [await agent(t, 'one'), await agent(t, 'two')]
    const mine = await make(t.owner, t, '/api/llm-providers', key)
    await make(ed, t, '/api/llm-providers', { ...key, label: 'private' })
    const said = await t.owner.delete(`/api/workspaces/${t.id}`)
    expect([said.status, said.body.code]).toEqual([409, 'workspace-not-empty'])
    expect(said.body.agents).toHaveLength(2)
    expect(said.body.agents).toEqual(
      expect.arrayContaining([
        { id: one.id, name: 'one' },
        { id: two.id, name: 'two' },
      ]),
    )
    expect(said.body).toMatchObject({ keys: [{ id: mine.id, label: 'mine' }], keyCount: 2 })
    expect(said.text).not.toContain('private')
    expect((await t.owner.get(`/api/workspaces/${t.id}`)).body.deleting).toBe(false)
    expect((await t.owner.get(`/api/agents/${one.id}`, t.headers)).body.desiredState).toBe('running')
  })

  test('forced, asks every agent to go, takes nothing new, and goes with the last of them, leaving no row', async () => {
    const t = await team(api)
    const ed = await t.join('editor')
    const [one, two] = [await agent(t, 'one'), await agent(t, 'two')]
    await make(ed, t, '/api/llm-providers', key)
    await t.invite(t.owner, 'late@nora.test', 'viewer')
    const path = `/api/workspaces/${t.id}?force=true`
    const ending = await t.owner.delete(path)
    expect(ending.status, ending.text).toBe(202)
    expect(ending.body).toMatchObject({ status: 'deleting', keyCount: 1 })
    expect(ending.body.agents.map((each: { id: string }) => each.id).sort()).toEqual([one.id, two.id].sort())
    for (const { id, operationId } of ending.body.agents) {
      const seen = (await ed.get(`/api/agents/${id}`, t.headers)).body
      expect(seen).toMatchObject({ state: 'deleting', operation: { id: operationId, kind: 'delete' } })
      const cancel = `/api/agents/${id}/operations/${operationId}/cancel`
      expect(said(await t.owner.post(cancel, undefined, t.headers))).toEqual([409, 'workspace-deleting'])
      expect(said(await t.owner.post(`/api/agents/${id}/start`, undefined, t.headers))).toEqual([
        409,
        'agent-busy',
      ])
    }
    expect((await t.owner.delete(`/api/workspaces/${t.id}`)).body).toEqual(ending.body)
    const refused = [
      await t.owner.post('/api/agents', { name: 'n', runtime: 'starter' }, t.headers),
      await t.owner.post('/api/llm-providers', key, t.headers),
      await t.invite(t.owner, 'x@nora.test', 'viewer'),
      await t.setRole(t.owner, ed, 'admin'),
    ]
    expect(refused.map(said)).toEqual(refused.map(() => [409, 'workspace-deleting']))

    await sweepWorkspaces(database.worker)
    expect((await t.owner.get(`/api/workspaces/${t.id}`)).body.deleting).toBe(true)
    await agentsGone(t)
    expect(await sweepWorkspaces(database.worker)).toBe(1)
    expect((await t.owner.get(`/api/workspaces/${t.id}`)).status).toBe(404)
    const tables = await database.asSuperuser<{ name: string }>(
      `select table_name as name from information_schema.columns where table_schema = 'nora' and column_name = 'workspace_id'`,
    )
    expect(tables.length).toBeGreaterThan(10)
    for (const { name } of tables) {
      const rows = await database.asSuperuser(`select 1 from nora.${name} where workspace_id = $1`, [t.id])
      if (name === 'audit_log') expect(rows.length).toBeGreaterThan(5)
      else expect(rows, name).toEqual([])
    }
    expect((await auditOf(t)).at(-1)).toBe('WORKSPACE_DELETED')
    // What a killed worker may have left of them on the engine is still known to be nobody's.
    expect((await agentsWithoutData(database.worker, [one.id, two.id])).sort()).toEqual(
      [one.id, two.id].sort(),
    )
  })

  test('an agent that was being made in the same moment goes too', async () => {
    for (let round = 0; round < 6; round++) {
      const t = await team(api)
      await agent(t, 'first')
      const [made, ended] = await Promise.all([
        t.owner.post('/api/agents', { name: 'late', runtime: 'starter' }, t.headers),
        t.owner.delete(`/api/workspaces/${t.id}?force=true`),
      ])
      expect(ended.status).toBe(202)
      expect([202, 409], made.text).toContain(made.status)
      await sweepWorkspaces(database.worker)
      const left = await database.asSuperuser(
        `select id from nora.agents where workspace_id = $1 and desired_state <> 'deleted'`,
        [t.id],
      )
      expect(left).toEqual([])
    }
  })

  test('whoever is writing into it meanwhile is neither waited for nor shown a fault', async () => {
    for (let round = 0; round < 8; round++) {
      const t = await team(api)
      const headers = { ...t.headers, 'idempotency-key': `k${round}` }
      const answers = await Promise.all([
        t.owner.post('/api/agents', { name: 'late', runtime: 'starter' }, headers),
        t.owner.post('/api/llm-providers', key, { ...headers, 'idempotency-key': 'other' }),
        t.owner.delete(`/api/workspaces/${t.id}?force=true`),
        t.invite(t.owner, 'x@nora.test', 'viewer'),
      ])
      for (const { status, text } of answers) expect([201, 202, 204, 404, 409], text).toContain(status)
      expect(answers[2]!.status, answers[2]!.text).toBeLessThan(300)
    }
  })

  test('whatever stands in another workspace is none of its business', async () => {
    const [t, other] = [await team(api), await team(api)]
    const kept = await agent(other, 'kept')
    await agent(t, 'gone')
    await t.owner.delete(`/api/workspaces/${t.id}?force=true`)
    await agentsGone(t)
    await sweepWorkspaces(database.worker)
    expect((await other.owner.get(`/api/agents/${kept.id}`, other.headers)).body.desiredState).toBe('running')
    expect((await t.owner.get(`/api/workspaces/${t.id}`)).status).toBe(404)
  })
})
