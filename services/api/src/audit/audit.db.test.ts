import { once } from 'node:events'
import { withActor } from '@nora/db/actor'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { testApi } from '../testing/test-api.ts'
import { auditExports, type EnterPart } from './export-audit.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
let ada: Client
let workspace: string

const fill = (n: number, type = 'FILLED', details = '{}', into = workspace) =>
  database.asSuperuser(
    `insert into nora.audit_log (ts, event_type, actor_kind, actor_id, workspace_id, target_kind, target_id, details)
     select now() - make_interval(secs => $1::int - g), $2, 'system', 'system', $4, 'test', g::text, $3::jsonb from generate_series(1, $1::int) g`,
    [n, type, details, into],
  )
const linesOf = (text: string) =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))
const addMember = (userId: string, role: string) =>
  database.asSuperuser('insert into nora.memberships (workspace_id, user_id, role) values ($1, $2, $3)', [
    workspace,
    userId,
    role,
  ])

beforeAll(async () => {
  ada = await api.signUp()
  workspace = (await ada.get('/api/workspaces')).body.items[0].id
})

describe('GET audit', () => {
  test('shows what happened, newest first, sign-ins and failed ones to one’s own account included', async () => {
    await api.anonymous.post('/api/auth/login', {
      email: ada.user!.email,
      password: 'not the right password',
    })
    const { status, body } = await ada.get('/api/audit')
    expect(status).toBe(200)
    const types = body.items.map((item: { eventType: string }) => item.eventType)
    expect(types).toEqual(['SIGN_IN_FAILED', 'SIGNED_IN', 'SERVER_CLAIMED'])
    expect(body.items[0]).toMatchObject({
      userId: 'anonymous',
      actor: { kind: 'anonymous', id: null },
      ip: '127.0.0.1',
    })
    expect(body.items[1]).toMatchObject({ userId: ada.user!.id, details: { transport: 'bearer' } })
    expect(body.items[1].timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
  })

  test('goes on with its cursor through rows of one moment, each once', async () => {
    await database.asSuperuser(
      `insert into nora.audit_log (ts, event_type, actor_kind, workspace_id) select '2026-01-01T00:00:00.123456Z', 'SAME_MOMENT', 'system', $1
       from generate_series(1, 7)`,
      [workspace],
    )
    const seen: string[] = []
    let cursor = ''
    do {
      const { body } = await ada.get(`/api/audit?type=SAME_MOMENT&limit=3${cursor && `&cursor=${cursor}`}`)
      seen.push(...body.items.map((item: { id: string }) => item.id))
      cursor = body.nextCursor ?? ''
    } while (cursor)
    expect(seen).toHaveLength(7)
    expect(new Set(seen).size).toBe(7)
  })

  test('filters by type, actor and time, to the microsecond', async () => {
    const count = async (query: string) => {
      const { status, body } = await ada.get(`/api/audit?${query}`)
      expect(status, query).toBe(200)
      return body.items.length
    }
    expect(await count('type=SAME_MOMENT')).toBe(7)
    expect(await count('type=SAME_MOMENT&actor=system')).toBe(7)
    expect(await count('type=SAME_MOMENT&actor=anonymous')).toBe(0)
    expect(await count(`actor=${ada.user!.id}`)).toBe(2)
    expect(await count('type=SAME_MOMENT&from=2026-01-01T00:00:00.123456Z')).toBe(7)
    expect(await count('type=SAME_MOMENT&from=2026-01-01T00:00:00.123457Z')).toBe(0)
    expect(await count('type=SAME_MOMENT&to=2026-01-01T00:00:00.123456Z')).toBe(0)
    expect(await count('type=SAME_MOMENT&to=2026-01-01T01:00:00.123457%2B01:00')).toBe(7)
    expect(await count('from=9999-12-31T23:59:59Z&to=0001-01-01T00:00:00Z')).toBe(0)
  })

  test.each([
    'type=lower',
    'type=A',
    "type=X'; drop table",
    'actor=',
    'from=yesterday',
    'from=2026-02-30T00:00:00Z',
    'to=2026-01-01',
    'from=0000-01-01T00:00:00Z',
    'from=9999-12-31T23:59:59-10:00',
    'to=2026-01-01T23:59:60Z',
    'cursor=x',
    'limit=0',
    'limit=201',
    'nothing=1',
    'type=AAA&type=BBB',
    'from=2026-01-01T00:00:00Z&from=2026-01-01T00:00:00Z',
    'actor=%00',
    `cursor=${'a'.repeat(300)}`,
  ])('refuses %s', async (query) => {
    for (const path of ['/api/audit', '/api/audit/export']) {
      const { status, body } = await ada.get(`${path}?${query}`)
      expect([400, path], JSON.stringify(body)).toContain(status)
    }
  })

  test('takes the workspace from the query or the header, and no two', async () => {
    const other = await api.signUp()
    const theirs = (await other.get('/api/workspaces')).body.items[0].id
    expect((await ada.get(`/api/audit?workspace=${workspace}`)).status).toBe(200)
    for (const path of ['/api/audit', '/api/audit/export']) {
      for (const wrong of [theirs, 'x', '', '00000000-0000-4000-8000-000000000000']) {
        const { status, body } = await ada.get(`${path}?workspace=${wrong}`)
        expect([status, body.code], wrong).toEqual([404, 'not-found'])
      }
      expect((await ada.get(`${path}?workspace=${workspace}&workspace=${theirs}`)).status).toBe(404)
      expect((await ada.get(`${path}?workspace=${workspace}`, { 'x-nora-workspace': theirs })).status).toBe(
        400,
      )
    }
    const { body } = await other.get('/api/audit')
    expect(JSON.stringify(body)).not.toContain(ada.user!.id)
  })

  test('is for admins and owners', async () => {
    for (const role of ['viewer', 'editor', 'admin', 'owner']) {
      const member = await api.signUp()
      await addMember(member.user!.id, role)
      for (const path of ['/api/audit', '/api/audit/export']) {
        const { status, text } = await member.get(`${path}?workspace=${workspace}`)
        expect(status, role).toBe(['admin', 'owner'].includes(role) ? 200 : 403)
        // What happened to the account of another is not theirs to see.
        expect(text).not.toContain('SIGNED_IN')
      }
    }
  })

  test('survives a row that is no object, and a number that no double holds', async () => {
    await fill(1, 'ODD', '[1, {"a": 1e400}]')
    const { status, body } = await ada.get('/api/audit?type=ODD')
    expect(status).toBe(200)
    expect(body.items[0].details).toEqual({ value: [1, { a: null }] })
  })
})

describe('GET audit/export', () => {
  test('streams everything in order, once', async () => {
    await fill(1_234, 'MANY')
    const { status, headers, text } = await ada.get('/api/audit/export?type=MANY')
    expect(status).toBe(200)
    expect(headers.get('content-type')).toBe('application/x-ndjson')
    expect(headers.get('content-disposition')).toBe('attachment; filename="audit.jsonl"')
    const lines = linesOf(text)
    expect(lines).toHaveLength(1_234)
    expect(Object.keys(lines[0])).toEqual(['timestamp', 'event_type', 'user_id', 'details'])
    expect(lines[0].user_id).toBe('system')
    const full = linesOf((await ada.get('/api/audit/export?type=MANY&shape=full')).text)
    expect(full.map((line) => Number(line.target_id))).toEqual(Array.from({ length: 1_234 }, (_, i) => i + 1))
    const csv = await ada.get('/api/audit/export?type=MANY&format=csv')
    expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect(csv.text.split('\r\n')).toHaveLength(1_236)
    expect(csv.text.split('\r\n')[1]).toMatch(/^"[\d-]{10}T[\d:.]{15}Z","MANY","system","\{\}"$/)
  })

  test('of nothing is empty, and of a HEAD there is none', async () => {
    expect((await ada.get('/api/audit/export?type=NEVER_SEEN')).text).toBe('')
    expect((await ada.request('HEAD', '/api/audit/export')).status).toBe(405)
  })

  test('ends with the role, in the middle, and not as if it were complete', async () => {
    const member = await api.signUp()
    await addMember(member.user!.id, 'admin')
    await fill(4_000, 'HEAVY', JSON.stringify({ text: 'x'.repeat(8_000) }))
    const response = await fetch(`${api.url}/api/audit/export?type=HEAVY&workspace=${workspace}`, {
      headers: { authorization: `Bearer ${member.accessToken}` },
      signal: AbortSignal.timeout(120_000),
    })
    const reader = response.body!.getReader()
    let bytes = (await reader.read()).value!.length
    await database.asSuperuser(
      `update nora.memberships set role = 'viewer' where user_id = $1 and workspace_id = $2`,
      [member.user!.id, workspace],
    )
    const rest = (async () => {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return 'complete'
        bytes += value.length
      }
    })()
    await expect(rest).rejects.toThrow()
    expect(bytes).toBeLessThan(30_000_000)
  })

  test('reads no further than its reader', async () => {
    const claims = api.app.accessTokens.verify(ada.accessToken!)!
    const actor = { kind: 'session', ...claims, workspaceId: workspace } as const
    const enter: EnterPart = (run) => withActor(database.app, actor, run)
    const asked = { userId: ada.user!.id, enter, filter: { type: 'HEAVY' }, query: {} }
    const stream = auditExports()(asked)
    await once(stream, 'readable')
    const held = stream.readableLength
    expect(held).toBeLessThan(2_000_000)
    for (let n = 0; n < 20; n++) await ada.get('/api/audit')
    expect(stream.readableLength).toBe(held)
    stream.destroy()
    await expect(auditExports(0)(asked).toArray()).rejects.toThrow('timeout')
  })

  test('two at once are enough for anybody', async () => {
    const member = await api.signUp()
    await addMember(member.user!.id, 'admin')
    // Kept until the end: an answer that nobody holds is collected, and its connection closed.
    const answers: Response[] = []
    const open = async (leaving: AbortController) => {
      const answer = await fetch(`${api.url}/api/audit/export?type=HEAVY&workspace=${workspace}`, {
        headers: { authorization: `Bearer ${member.accessToken}` },
        signal: leaving.signal,
      })
      answers.push(answer)
      return answer.status
    }
    const [first, second, third] = [new AbortController(), new AbortController(), new AbortController()]
    expect(await Promise.all([open(first), open(second)])).toEqual([200, 200])
    expect(await open(third)).toBe(429)
    first.abort()
    await waitUntil('there is room again', async () => (await open(third)) === 200)
    second.abort()
    third.abort()
  })
})
