import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import pg from 'pg'
import { beforeAll, describe, expect, test } from 'vitest'
import { claimAsAdmin, type TestAdmin } from '../testing/admin.ts'
import { type Client, client } from '../testing/client.ts'
import { stepUp } from '../testing/team.ts'
import { password, testApi } from '../testing/test-api.ts'
import { addPasskey, codeOf, enrol } from './testing/enrol.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
let server: TestAdmin

beforeAll(async () => {
  server = await claimAsAdmin(api)
})

const secret = { provider: 'openai', label: 'main', secret: { apiKey: 'sk-of-nobody-0123456789' } }
const keys = '/api/llm-providers'

describe('the first passkey', () => {
  test('takes back what other sessions showed before it was there, and not what its own did', async () => {
    const who = await api.signUp()
    const [stolen, fresh] = [
      await stepUp(await who.login(who.user!.email, password)),
      await who.login(who.user!.email, password),
    ]
    expect((await fresh.post(keys, secret)).status).toBe(201)
    await enrol(who)
    const [{ id }] = (await who.get('/api/auth/passkeys')).body.items
    for (const other of [stolen, fresh]) {
      expect(codeOf(await other.delete(`/api/auth/passkeys/${id}`))).toEqual([403, 'step-up-required'])
      expect(codeOf(await other.post('/api/auth/recovery-codes'))).toEqual([403, 'step-up-required'])
      expect(codeOf(await other.post(keys, { ...secret, label: 'more' }))).toEqual([403, 'step-up-required'])
      expect(codeOf(await other.post('/api/auth/step-up', { password }))).toEqual([403, 'passkey-required'])
    }
    expect((await who.post('/api/auth/recovery-codes')).status).toBe(201)
    // A second one takes back nothing.
    expect((await addPasskey(who)).answer.status).toBe(201)
    expect((await who.post('/api/auth/recovery-codes')).status).toBe(201)
  })

  test('takes it back from a session of the admin app too', async () => {
    const me = '/api/admin/auth/me'
    expect((await server.admin.get(me)).body.session.steppedUpUntil).not.toBeNull()
    await enrol(server.console)
    expect((await server.admin.get(me)).body).toMatchObject({
      secondFactorDue: true,
      session: { steppedUpUntil: null },
    })
  })

  test('is waited for by a step-up at the same time', async () => {
    const who = await api.signUp()
    const holder = new pg.Client(database.superuserUrl)
    await holder.connect()
    try {
      // As nora.add_passkey does, and not committed yet.
      await holder.query('begin')
      await holder.query('select 1 from nora.users where id = $1 for update', [who.user!.id])
      await holder.query(
        `insert into nora.passkeys (user_id, credential_id, public_key, counter, label, backed_up)
         values ($1, sha256('id'), sha256('key'), 0, 'Key', false)`,
        [who.user!.id],
      )
      let answered = false
      const answer = who.post('/api/auth/step-up', { password }).finally(() => {
        answered = true
      })
      await waitUntil('a step-up that waits', async () => answered || (await waiting()) > 0)
      await holder.query('commit')
      expect(codeOf(await answer)).toEqual([403, 'passkey-required'])
    } finally {
      await holder.end()
    }
  })
})

const waiting = async () =>
  (
    await database.asSuperuser(
      `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%nora.step_up%'`,
    )
  ).length

describe('a sign-in that has shown its password alone', () => {
  async function halfway() {
    const who = await api.signUp()
    const device = await enrol(who)
    const next = client({ url: api.url, origin: api.origin })
    const { token } = (await next.post('/api/auth/login', { email: who.user!.email, password })).body
    const options = await next.post('/api/auth/login/passkey/options', { token })
    expect(options.status, options.text).toBe(200)
    const assertion = device.assert(options.body)
    return { who, finish: () => next.post('/api/auth/login/passkey', { token, assertion }) }
  }
  const disable = async (admin: Client, { user }: Client, disabled: boolean) =>
    expect((await admin.patch(`/api/admin/users/${user!.id}`, { disabled })).status).toBe(200)

  test('is over when that password is none any more', async () => {
    const { who, finish } = await halfway()
    const changed = await who.patch('/api/auth/password', {
      currentPassword: password,
      newPassword: `${password}!`,
    })
    expect(changed.status, changed.text).toBe(204)
    expect(codeOf(await finish())).toEqual([401, 'second-factor-invalid'])
  })

  test.each([
    ['signed out', (admin: Client, who: Client) => admin.post(`/api/admin/users/${who.user!.id}/sign-out`)],
    [
      'disabled for a moment',
      async (admin: Client, who: Client) => {
        await disable(admin, who, true)
        await disable(admin, who, false)
      },
    ],
  ])('is over when its person is %s by an admin', async (_, act) => {
    await database.asSuperuser('delete from nora.passkeys where user_id = $1', [server.console.user!.id])
    const admin = await api.anonymous.adminLogin(server.console.user!.email, password)
    expect((await admin.post('/api/admin/auth/step-up', { password })).status).toBe(204)
    const { who, finish } = await halfway()
    await act(admin, who)
    expect(codeOf(await finish())).toEqual([401, 'second-factor-invalid'])
  })
})
