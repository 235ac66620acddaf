import { randomBytes } from 'node:crypto'
import { type Person, person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { tenantRows } from '@nora/testing/rows'
import { type Kysely, sql } from 'kysely'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Tx } from '../actor.ts'
import { refusalOf, withActor } from '../actor.ts'
import type { DB } from '../schema.ts'

// What runs over all workspaces answers to a platform admin's proof alone, whatever the api was made to say.

const database = testDatabase()
let admin: Person
let alice: Person
let operationId: string

beforeAll(async () => {
  admin = await person(database, 'admin')
  alice = await person(database, 'alice')
  operationId = (await tenantRows(database, alice)).operationId
})

const calls = (db: Kysely<DB> | Tx) =>
  ({
    queue: () => sql`select * from nora.admin_queue(true, true, null, 50, null, 'test')`.execute(db),
    depth: () => sql`select * from nora.admin_queue_depth()`.execute(db),
    workers: () => sql`select nora.admin_live_workers()`.execute(db),
    retry: () => sql`select nora.admin_retry(${operationId}, null, 'test')`.execute(db),
  }) as const
const names = ['queue', 'depth', 'workers', 'retry'] as const
const codeOf = (error: unknown) => (error as { code?: string }).code
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => 'answered',
    (error) => refusalOf(error)?.code,
  )

describe.each(names)('%s', (name) => {
  test('answers a platform admin, whichever workspace they are in', async () => {
    const { rows } = await withActor(database.app, admin.actor, (tx) => calls(tx)[name]())
    expect(rows.length).toBeGreaterThan(0)
  })

  test('refuses the owner of a workspace', async () => {
    const asked = withActor(database.app, alice.actor, (tx) => calls(tx)[name]())
    expect(await refusal(asked)).toBe('forbidden')
  })

  test('refuses whoever brings no proof, a bare setting, or a context of another connection', async () => {
    expect(await refusal(calls(database.app)[name]())).toBe('forbidden')
    const forged = ['user', admin.userId, admin.workspaceId, 'owner', '', '', '1', '1', 'f'.repeat(64)].join(
      '|',
    )
    const kept = await withActor(
      database.app,
      admin.actor,
      async (tx) =>
        (await sql<{ value: string }>`select current_setting('nora.context') as value`.execute(tx)).rows[0]!
          .value,
    )
    for (const value of [forged, kept]) {
      const asked = database.app.transaction().execute(async (tx) => {
        await sql`select set_config('nora.context', ${value}, true)`.execute(tx)
        return calls(tx)[name]()
      })
      expect(await refusal(asked)).toBe('forbidden')
    }
    const wrong = withActor(database.app, { ...admin.actor, secret: randomBytes(32) }, (tx) =>
      calls(tx)[name](),
    )
    expect(await refusal(wrong)).toBe('session-invalid')
  })

  test('is not the worker’s to call', async () => {
    await expect(calls(database.worker)[name]().catch(codeOf)).resolves.toBe('42501')
  })
})

test('an admin whose role was taken away, or who was disabled, is refused', async () => {
  const ask = () => withActor(database.app, admin.actor, (tx) => calls(tx).depth())
  await database.asSuperuser(`update nora.users set platform_role = 'user' where id = $1`, [admin.userId])
  expect(await refusal(ask())).toBe('forbidden')
  await database.asSuperuser(
    `update nora.users set platform_role = 'admin', disabled_at = now() where id = $1`,
    [admin.userId],
  )
  expect(await refusal(ask())).toBe('session-invalid')
  await database.asSuperuser('update nora.users set disabled_at = null where id = $1', [admin.userId])
})

test('reading leaves a row of who read; without it nothing is read', async () => {
  await withActor(database.app, admin.actor, (tx) => calls(tx).queue())
  const rows = await database.asSuperuser(
    `select actor_id from nora.audit_log where event_type = 'ADMIN_READ' and target_kind = 'queue'`,
  )
  expect(rows.at(-1)).toEqual({ actor_id: admin.userId })
  for (const role of ['app', 'worker'] as const) {
    await expect(sql`select nora.platform_admin()`.execute(database[role]).catch(codeOf)).resolves.toBe(
      '42501',
    )
  }
})
