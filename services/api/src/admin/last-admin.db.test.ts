import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { beforeAll, expect, test } from 'vitest'
import { claimAsAdmin } from '../testing/admin.ts'
import type { Client } from '../testing/client.ts'
import { password, testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
let first: Client
const active = async () =>
  (
    await database.asSuperuser(
      `select id from nora.users where platform_role = 'admin' and disabled_at is null`,
    )
  ).map((row) => row['id'])
const change = (by: Client, who: Client, body: object) => by.patch(`/api/admin/users/${who.user!.id}`, body)

/** Admins with the first one's password, signed in and stepped up. */
async function moreAdmins(count: number): Promise<Client[]> {
  await database.asSuperuser(
    `insert into nora.users (email, platform_role, password_salt, password_verifier)
     select 'admin' || n || '@nora.test', 'admin', password_salt, password_verifier from nora.users, generate_series(1, $2::int) n
     where id = $1`,
    [first.user!.id, count],
  )
  const admins = await Promise.all(
    Array.from({ length: count }, (_, n) => api.anonymous.adminLogin(`admin${n + 1}@nora.test`, password)),
  )
  await database.asSuperuser(
    `update nora.admin_sessions set stepped_up_until = now() + interval '10 minutes'`,
  )
  return admins
}

beforeAll(async () => {
  first = (await claimAsAdmin(api)).admin
})

test('the only admin can neither be demoted nor disabled, not by themselves either', async () => {
  for (const body of [
    { platformRole: 'user' },
    { disabled: true },
    { disabled: true, platformRole: 'user' },
  ]) {
    const answer = await change(first, first, body)
    expect([answer.status, answer.body.code]).toEqual([409, 'last-admin'])
  }
  // One who is disabled cannot act.
  await database.asSuperuser(
    `insert into nora.users (email, platform_role, disabled_at) values ('gone@nora.test', 'admin', now())`,
  )
  expect((await change(first, first, { platformRole: 'user' })).body.code).toBe('last-admin')
  expect(await active()).toEqual([first.user!.id])
})

test('twenty who demote and disable one another at once leave one who can act', async () => {
  const admins = [first, ...(await moreAdmins(19))]
  const answers = await Promise.all(
    admins.map((who, n) =>
      change(who, admins[(n + 1) % admins.length]!, n % 2 ? { disabled: true } : { platformRole: 'user' }),
    ),
  )
  const left = await active()
  expect(left.length).toBeGreaterThan(0)
  // Whoever was put down before their turn came was not heard any more; nothing broke.
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(20 - left.length)
  for (const { status } of answers) expect([200, 401, 409]).toContain(status)
})
