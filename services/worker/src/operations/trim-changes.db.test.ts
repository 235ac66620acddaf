import { trimChanges } from '@nora/db/live-streams'
import { testDatabase } from '@nora/testing/postgres'
import { expect, test } from 'vitest'

const database = testDatabase()

test('marks of what changed go after a quarter of an hour, and pages that are over with them', async () => {
  await database.asSuperuser(
    `insert into nora.changes (kind, at, audited) select 'agent', now() - n * interval '1 minute', false from generate_series(1, 30) n;
     insert into nora.users (email) values ('a@nora.test');
     insert into nora.admin_sessions (user_id, secret_hash, idle_expires_at, expires_at)
       select id, sha256('x'), now() + interval '1 hour', now() + interval '1 hour' from nora.users;
     insert into nora.live_streams (user_id, admin_session_id, ticket_hash, ticket_expires_at, redeemed_at, created_at)
       select user_id, id, sha256(age::text::bytea), now() - age, case when used then now() - age end, now() - age
       from nora.admin_sessions, (values (interval '10 minutes', false), (interval '8 hours', true), (interval '10 hours', true)) v (age, used)`,
  )
  expect(await trimChanges(database.worker)).toBe(16)
  const [left] = await database.asSuperuser(
    `select (select count(*)::int from nora.changes) as marks, (select count(*)::int from nora.live_streams) as pages`,
  )
  expect(left).toEqual({ marks: 14, pages: 1 })
})
