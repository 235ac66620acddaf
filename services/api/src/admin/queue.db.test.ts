import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { beforeAll, expect, test } from 'vitest'
import { claimAsAdmin } from '../testing/admin.ts'
import type { Client } from '../testing/client.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const path = '/api/admin/queue'
let admin: Client
let inConsole: Client
let tenant: Client
let agentId: string

const insert = async (over: Record<string, unknown>) => {
  const row = { agent_id: agentId, kind: 'start', ...over }
  const names = Object.keys(row)
  const [inserted] = await database.asSuperuser<{ id: string }>(
    `insert into nora.operations (workspace_id, ${names.join(', ')})
     select workspace_id, ${names.map((_, n) => `$${n + 1}`).join(', ')} from nora.agents where id = $1 returning id`,
    Object.values(row),
  )
  return inserted!.id
}
const audits = async (type: string) =>
  database.asSuperuser<{ actor_id: string; target_id: string | null }>(
    'select actor_id, target_id from nora.audit_log where event_type = $1 order by seq',
    [type],
  )

beforeAll(async () => {
  ;({ admin, console: inConsole } = await claimAsAdmin(api))
  tenant = await api.signUp()
  const body = { name: 'theirs', runtime: 'image', image: 'example.test/secret-name:1' }
  const created = await tenant.post('/api/agents', body)
  expect(created.status).toBe(202)
  agentId = created.body.id
})

test('a platform admin sees why each operation waits, of whatever workspace, and reading is audited', async () => {
  const [first] = await database.asSuperuser<{ id: string }>(
    'select id from nora.operations where agent_id = $1',
    [agentId],
  )
  const behind = await insert({ kind: 'stop' })
  const failed = await insert({
    status: 'failed',
    reason: 'the program exited: the tenants own log line',
    error:
      '{"code":"program-exited","message":"the program exited with code 3","lastLines":["the tenants own log line"]}',
    finished_at: new Date(),
  })
  await insert({ status: 'failed', finished_at: new Date(Date.now() - 25 * 3_600_000) })
  await insert({ status: 'succeeded', finished_at: new Date() })
  const before = (await audits('ADMIN_READ')).length
  const answer = await admin.get(path)
  expect(answer.status).toBe(200)
  expect(answer.body.items).toMatchObject([
    { id: failed, status: 'failed', why: 'the program exited with code 3' },
    {
      id: behind,
      status: 'queued',
      behind: first!.id,
      why: `behind the provision ${first!.id} of the same agent`,
    },
    { id: first!.id, agentId, kind: 'provision', status: 'queued', why: 'due, and no worker is alive' },
  ])
  expect(answer.body.depth).toMatchObject([
    { status: 'failed', kind: 'start', count: 1 },
    { status: 'queued', kind: 'provision', count: 1 },
    { status: 'queued', kind: 'stop', count: 1 },
  ])
  expect(answer.body.workers).toBe(0)
  for (const word of ['log line', 'secret-name', 'theirs']) expect(answer.text).not.toContain(word)
  expect((await audits('ADMIN_READ')).slice(before)).toEqual([{ actor_id: admin.user!.id, target_id: null }])
})

test('pages follow one another without a gap, and `status` chooses', async () => {
  const all = (await admin.get(path)).body.items.map((one: { id: string }) => one.id)
  const seen: string[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const { body } = await admin.get(`${path}?limit=1${cursor === '' ? '' : `&cursor=${cursor}`}`)
    seen.push(...body.items.map((one: { id: string }) => one.id))
    cursor = body.nextCursor
  }
  expect(seen).toEqual(all)
  const statuses = async (status: string) =>
    new Set(
      (await admin.get(`${path}?status=${status}`)).body.items.map((one: { status: string }) => one.status),
    )
  expect(await statuses('failed')).toEqual(new Set(['failed']))
  expect(await statuses('open')).toEqual(new Set(['queued']))
  expect((await admin.get(`${path}?cursor=1%20or%201=1`)).status).toBe(400)
})

test('an operation that backs off is tried at once, one that failed has its agent looked at, and both are audited', async () => {
  const [later] = await database.asSuperuser<{ id: string }>(
    `update nora.operations set not_before = now() + interval '1 hour' where agent_id = $1 and kind = 'stop'
     and status = 'pending' returning id`,
    [agentId],
  )
  const [first] = (await admin.get(`${path}?status=failed`)).body.items
  // Its agent has an operation already, which is what will be tried.
  expect((await admin.post(`${path}/${first.id}/retry`)).body.code).toBe('operation-finished')
  const answer = await admin.post(`${path}/${later!.id}/retry`)
  expect([answer.status, answer.body]).toEqual([202, { operationId: later!.id }])
  const [row] = await database.asSuperuser(
    'select not_before <= now() as due from nora.operations where id = $1',
    [later!.id],
  )
  expect(row).toEqual({ due: true })
  await database.asSuperuser(
    `update nora.operations set status = 'succeeded' where agent_id = $1 and status = 'pending'`,
    [agentId],
  )
  const looked = await admin.post(`${path}/${first.id}/retry`)
  expect(looked.status).toBe(202)
  const [reconcile] = await database.asSuperuser('select kind, status from nora.operations where id = $1', [
    looked.body.operationId,
  ])
  expect(reconcile).toEqual({ kind: 'reconcile', status: 'pending' })
  expect((await admin.post(`${path}/00000000-0000-4000-8000-000000000000/retry`)).status).toBe(404)
  expect((await audits('ADMIN_RETRY')).map((one) => one.target_id)).toEqual([later!.id, first.id])
})

test('nobody else: not the owner of a workspace, not the admin’s own console session, not a former admin', async () => {
  for (const [method, url] of [
    ['GET', path],
    ['POST', `${path}/00000000-0000-4000-8000-000000000000/retry`],
    ['POST', `${path}/00000000-0000-4000-8000-000000000000/cancel`],
  ] as const) {
    for (const who of [tenant, inConsole, api.anonymous]) {
      const refused = await who.request(method, url, method === 'POST' ? { body: {} } : {})
      expect([refused.status, refused.body.code]).toEqual([401, 'unauthenticated'])
    }
  }
  await database.asSuperuser(`update nora.users set platform_role = 'user' where id = $1`, [admin.user!.id])
  expect((await admin.get(path)).status).toBe(401)
})
