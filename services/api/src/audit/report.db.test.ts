import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { expect, test } from 'vitest'
import { type TestApi, testApi } from '../testing/test-api.ts'
import { recordSettings, settingsOf } from './report.ts'

const database = testDatabase()
let broken = false
const clock = () => {
  if (broken) throw new Error('the clock with the secret sk-never-in-an-audit-row stopped')
  return Date.now()
}
/** A pause that no machine is slow enough to outlast within a test. */
const login = { max: 3, windowMs: 3_600_000, backoffMs: 3_600_000 }
const api: TestApi = testApi(database, testRedis(), { deps: { clock }, rateLimits: { login } })

const rowsOf = (type: string) =>
  database.asSuperuser<Record<string, unknown>>(
    'select * from nora.audit_log where event_type = $1 order by seq',
    [type],
  )

test('sign-ins that are slowed down are audited once a pause, where the account’s owner reads it', async () => {
  const ada = await api.signUp()
  const attempt = (email: string) =>
    api.anonymous.post('/api/auth/login', { email, password: 'not the right password' })
  for (const email of [ada.user!.email, 'nobody@nora.test']) {
    for (let n = 0; n < 6; n++) await attempt(email)
    expect((await attempt(email)).status).toBe(429)
  }
  const rows = await waitUntil('both are audited', async () => {
    const found = await rowsOf('SIGN_IN_SLOWED')
    return found.length >= 2 ? found : undefined
  })
  // Each is written beside an answer, so in either order.
  expect(
    rows.sort((a, b) => Number(a['target_id'] === null) - Number(b['target_id'] === null)),
  ).toMatchObject([
    { target_id: ada.user!.id, actor_kind: 'anonymous', ip: '127.0.0.1' },
    { target_id: null, workspace_id: null },
  ])
  expect(JSON.stringify(rows)).not.toContain('nobody@nora.test')
  const { body } = await ada.get('/api/audit?type=SIGN_IN_SLOWED')
  expect(body.items).toHaveLength(1)
  expect(body.items[0]).toMatchObject({ userId: 'anonymous', target: { kind: 'user', id: ada.user!.id } })
  expect(await rowsOf('SIGN_IN_FAILED')).toHaveLength(6)
})

test('a fault of ours is audited with its route, once in a while, and without what was said of it', async () => {
  const bob = await api.signUp()
  const body = { kind: 'logs', agentId: '00000000-0000-4000-8000-000000000000' }
  broken = true
  const answers = await Promise.all([1, 2, 3].map(() => bob.post('/api/ws-tickets', body)))
  broken = false
  expect(answers.map((answer) => answer.status)).toEqual([500, 500, 500])
  const rows = await waitUntil('it is audited', async () => {
    const found = await rowsOf('ERROR')
    return found.length > 0 ? found : undefined
  })
  expect(rows).toMatchObject([
    { target_id: 'POST /api/ws-tickets', actor_kind: 'system', details: { code: 'internal', status: 500 } },
  ])
  expect(answers.map((answer) => answer.body.correlationId)).toContain(rows[0]!['correlation_id'])
  expect(JSON.stringify(rows)).not.toContain('sk-never')
})

test('settings that changed between two starts are audited, and no secret with them', async () => {
  const { signal } = new AbortController()
  await recordSettings(api.deps, signal)
  await recordSettings(api.deps, signal)
  const config = {
    ...api.deps.config,
    signupEnabled: false,
    setupToken: undefined,
    allowPlaintextSecrets: true,
  }
  await recordSettings({ ...api.deps, config }, signal)
  const rows = await rowsOf('CONFIGURATION_CHANGED')
  expect(rows.map((row) => (row['details'] as { changed: unknown }).changed)).toEqual([
    null,
    ['allowPlaintextSecrets', 'setupTokenSet', 'signupEnabled'],
  ])
  const written = JSON.stringify([rows, settingsOf({ config: api.deps.config })])
  for (const secret of [...api.deps.config.jwtSecrets, api.deps.config.setupToken!]) {
    expect(written).not.toContain(secret)
  }
})
