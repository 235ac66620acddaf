import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { expect, test } from 'vitest'
import { claimAsAdmin } from '../testing/admin.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const secret = 'a-client-secret-that-nobody-is-shown'
const publicKey = '0123456789abcdef0123456789abcdef'
const api = testApi(database, testRedis(), {
  config: {
    signupEnabled: true,
    maxAgentsTotal: 7,
    signInProviders: [
      {
        ...{ kind: 'oidc', id: 'oidc', name: 'Our own', issuer: 'https://id.nora.test' },
        ...{ clientId: 'client', clientSecret: secret },
      },
    ],
    errorReports: {
      ...{ url: new URL('https://errors.nora.test/api/7/envelope/'), publicKey, allowHosts: [] },
    },
  },
})

test('an admin sees in one call how the whole server is, audited once, and no secret of its settings', async () => {
  const { admin } = await claimAsAdmin(api)
  const bob = await api.signUp()
  const ids: string[] = []
  for (const name of ['a', 'b', 'c']) {
    ids.push((await bob.post('/api/agents', { name, runtime: 'starter' })).body.id)
  }
  await database.asSuperuser(
    `update nora.agents set state = 'running', unhealthy = true where id = '${ids[0]}';
     update nora.agents set deleted_at = now() where id = '${ids[1]}';
     update nora.operations set status = 'succeeded', finished_at = now() where agent_id = '${ids[0]}';
     update nora.operations set status = 'failed', finished_at = now(), error = '{}' where agent_id = '${ids[1]}';
     update nora.operations set created_at = now() - interval '90 seconds' where agent_id = '${ids[2]}';
     insert into nora.workers (id, kid8, key_version, internal_url, last_seen_at) select 'w' || n, '\\x0000000000000000', 1, 'http://w',
       now() + seen * interval '1 hour' from unnest(array[1, 1, -1]) with ordinality as w (seen, n);
     insert into nora.audit_log (event_type, actor_kind, target_kind, ts) values
       ('OPERATION_FAILED', 'system', 'agent', now() - interval '1 hour'), ('ERROR', 'system', 'route', now()),
       ('OPERATION_FAILED', 'system', 'agent', now() - interval '8 days'), ('AGENT_CREATED', 'system', 'agent', now())`,
  )
  const before = await database.asSuperuser(`select 1 from nora.audit_log where event_type = 'ADMIN_READ'`)
  const answer = await admin.get('/api/admin/overview')
  expect(answer.status, answer.text).toBe(200)
  const { users, agents, queue, workers, troubles, settings } = answer.body
  expect(users).toEqual({ all: 2, disabled: 0, admins: 1 })
  expect([agents.all, agents.unhealthy]).toEqual([2, 1])
  const some = agents.byState.filter((one: { count: number }) => one.count > 0)
  expect(some).toEqual([
    { state: 'queued', count: 1 },
    { state: 'running', count: 1 },
  ])
  expect(agents.byState).toHaveLength(8)
  expect(queue).toMatchObject({ queued: 1, running: 0, failed: 1 })
  expect(queue.oldestSeconds).toBeGreaterThanOrEqual(90)
  expect(workers).toEqual({ live: 2, silent: 1 })
  const types = troubles.map((row: { eventType: string }) => row.eventType)
  expect(types).toEqual(['ERROR', 'OPERATION_FAILED'])
  expect(settings).toMatchObject({
    signUp: { enabled: true, captcha: null },
    signInProviders: [{ id: 'oidc', name: 'Our own' }],
    errorReports: { host: 'errors.nora.test' },
    quotas: expect.arrayContaining([{ name: 'MAX_AGENTS_TOTAL', limit: 7, per: 'server', used: 2 }]),
  })
  const shown = (await admin.get('/api/admin/settings')).body
  expect(shown).toMatchObject(settings)
  for (const text of [answer.text, JSON.stringify(shown)]) {
    for (const hidden of [secret, publicKey, 'envelope']) expect(text).not.toContain(hidden)
  }
  const after = await database.asSuperuser(`select target_kind from nora.audit_log
    where event_type = 'ADMIN_READ' order by seq`)
  expect(after.slice(before.length)).toEqual([{ target_kind: 'overview' }, { target_kind: 'settings' }])
})
