import { randomBytes } from 'node:crypto'
import { person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { tenantRows } from '@nora/testing/rows'
import { expect, test } from 'vitest'
import { claimAsAdmin } from '../testing/admin.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())

/** Planted in every column that an admin is not shown; letters and digits, so that no writing of JSON or CSV changes it. */
const canary = `canary${randomBytes(12).toString('hex')}`
const forms = [
  canary,
  Buffer.from(canary).toString('hex'),
  Buffer.from(canary).toString('base64').replace(/=+$/, ''),
]
  .flatMap((form) => [form, form.slice(2, -2)])
  .map((form) => form.toLowerCase())

type Column = { table: string; column: string; type: string }

/** Every column that holds text, JSON or bytes and that nora_admin_reader may not select. */
const closedColumns = () =>
  database.asSuperuser<Column>(`select c.table_name as table, c.column_name as column, c.data_type as type
    from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
    where c.table_schema = 'nora' and t.table_type = 'BASE TABLE' and c.is_generated = 'NEVER'
      and (c.data_type in ('text', 'jsonb', 'bytea') or c.udt_name = '_text')
      and not has_column_privilege('nora_admin_reader', format('nora.%I', c.table_name), c.column_name, 'select')
    order by 1, 2`)

const planted: Record<string, string> = {
  text: `'${canary}' || ctid::text`,
  jsonb: `jsonb_build_object('x', '${canary}'::text, 'lastLines', jsonb_build_array('${canary}'::text))`,
  bytea: `convert_to('${canary}' || ctid::text, 'UTF8')`,
  ARRAY: `array['${canary}']`,
}

test('nothing that is planted in a column an admin may not see comes back in any answer', async () => {
  const { admin } = await claimAsAdmin(api)
  const owner = await person(database, 'owner')
  const { agentId } = await tenantRows(database, owner)
  await database.asSuperuser(
    `insert into nora.operations (workspace_id, agent_id, kind, status, finished_at)
     select workspace_id, id, 'start', 'failed', now() from nora.agents where id = $1`,
    [agentId],
  )
  await database.asSuperuser(
    `insert into nora.workers (id, kid8, key_version, internal_url) values ('w1', '\\x0102030405060708', 1, 'http://w')`,
  )
  await database.asSuperuser(
    `insert into nora.sealing_keys (version, kid8, verifier) values (1, '\\x0102030405060708', sha256('a'))`,
  )
  const checks = await database.asSuperuser<{ conname: string; table: string }>(
    `select conname, conrelid::regclass::text as table from pg_constraint where contype in ('c', 'f') and connamespace = 'nora'::regnamespace`,
  )
  for (const { conname, table } of checks)
    await database.asSuperuser(`alter table ${table} drop constraint "${conname}"`)
  let columns = 0
  for (const { table, column, type } of await closedColumns()) {
    // What the admin's own session lives by stays as it is.
    if (table === 'context_key' || (table === 'operations' && column === 'reason')) continue
    const whose = ['admin_sessions', 'sessions'].includes(table) ? `where user_id <> '${admin.user!.id}'` : ''
    const rows = await database.asSuperuser(
      `update nora.${table} x set ${column} = ${planted[type]!} ${table === 'users' ? `where id <> '${admin.user!.id}'` : whose} returning 1`,
    )
    if (rows.length > 0) columns++
  }
  // A failed operation's reason ends with the program's lines; an open one's is shown as its worker wrote it.
  await database.asSuperuser(`update nora.operations set reason = $1 where status = 'failed'`, [canary])
  expect(columns).toBeGreaterThan(25)
  const paths = [
    ...[
      '/users',
      `/users/${owner.userId}`,
      '/agents',
      '/queue',
      '/workers',
      '/audit',
      '/settings',
      '/keys',
      '/backups',
    ],
    ...[
      '/audit/export?shape=full',
      '/audit/export?format=csv&shape=full',
      '/auth/me',
      `/agents?owner=${owner.userId}`,
    ],
  ]
  for (const path of paths) {
    const answer = await admin.get(`/api/admin${path}`)
    expect(answer.status, `${path} ${answer.text}`).toBe(200)
    const text = answer.text.toLowerCase()
    for (const form of forms) expect(text.includes(form), `${path} shows a canary`).toBe(false)
  }
  const agents = (await admin.get('/api/admin/agents')).body.items
  expect(agents).toHaveLength(1)
  expect(agents[0]).toMatchObject({
    id: agentId,
    why: 'no reason was written',
    operation: { status: 'failed' },
  })
  const user = await admin.patch(`/api/admin/users/${owner.userId}`, { disabled: true })
  expect(user.status).toBe(200)
  expect(user.text.toLowerCase()).not.toContain(canary)
  expect(api.logged.join('').toLowerCase()).not.toContain(canary)
})
