import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { beforeAll, describe, expect, test } from 'vitest'
import { codeOf, enrol, passkeyStepUp } from '../../passkeys/testing/enrol.ts'
import { claimAsAdmin } from '../../testing/admin.ts'
import type { Client } from '../../testing/client.ts'
import { password, startApi, testApi } from '../../testing/test-api.ts'

const database = testDatabase()
const redis = testRedis()
const api = testApi(database, redis)
const users = '/api/admin/users'
const base = '/api/admin/auth/second-factor'
let inConsole: Client
let device: Awaited<ReturnType<typeof enrol>>

beforeAll(async () => {
  ;({ console: inConsole } = await claimAsAdmin(api))
  device = await enrol(inConsole)
})

const signIn = () => api.anonymous.adminLogin(inConsole.user!.email, password)
const refused = [403, 'passkey-refused']
const show = async (who: Client, spoil?: Parameters<typeof device.assert>[1]) => {
  const options = await who.post(`${base}/options`)
  expect(options.status, options.text).toBe(200)
  return who.post(`${base}/passkey`, { assertion: device.assert(options.body, spoil) })
}

describe('an admin who has a passkey', () => {
  test('gets nowhere in the admin app by the password, until they show it; that is a step-up too', async () => {
    const who = await signIn()
    expect(codeOf(await who.get(users))).toEqual([401, 'second-factor-required'])
    expect((await show(who)).status).toBe(204)
    expect((await who.get(users)).status).toBe(200)
    const me = (await who.get('/api/admin/auth/me')).body
    expect(me).toMatchObject({ secondFactorDue: false })
    expect(Date.parse(me.session.steppedUpUntil) - Date.now()).toBeGreaterThan(9 * 60_000)
    expect(codeOf(await who.post('/api/admin/auth/step-up', { password }))).toEqual([403, 'passkey-required'])
  })

  test('is let in by nothing else, and each refusal is audited', async () => {
    const [who, other] = [await signIn(), await signIn()]
    for (const spoil of [{ userVerified: false }, { origin: 'https://evil.test' }, { counter: 1 }]) {
      expect(codeOf(await show(who, spoil))).toEqual(refused)
    }
    const options = (await other.post(`${base}/options`)).body
    const assertion = device.assert(options)
    expect(codeOf(await who.post(`${base}/passkey`, { assertion }))).toEqual(refused)
    const inTheConsole = (await inConsole.post('/api/auth/step-up/passkey/options')).body
    expect(codeOf(await who.post(`${base}/passkey`, { assertion: device.assert(inTheConsole) }))).toEqual(
      refused,
    )
    expect(codeOf(await who.post(`${base}/recovery-code`, { code: '0000' }))).toEqual(refused)
    expect(codeOf(await who.get(users))).toEqual([401, 'second-factor-required'])
    const rows = await database.asSuperuser(
      `select 1 from nora.audit_log where event_type = 'STEP_UP_REFUSED' and details->>'as' = 'admin'`,
    )
    expect(rows).toHaveLength(6)
    // Once is once.
    expect((await other.post(`${base}/passkey`, { assertion })).status).toBe(204)
    expect(codeOf(await other.post(`${base}/passkey`, { assertion }))).toEqual(refused)
  })

  test('may use a recovery code, once, and does so where the admin app is on another host', async () => {
    await passkeyStepUp(inConsole, device)
    const { codes } = (await inConsole.post('/api/auth/recovery-codes')).body
    const elsewhere = await startApi(database, redis, {
      config: { adminUrl: 'http://admin.elsewhere.test' },
      deps: { capabilitySeed: api.deps.capabilitySeed },
    })
    try {
      const who = await elsewhere.anonymous.adminLogin(inConsole.user!.email, password)
      const own = { origin: 'http://admin.elsewhere.test' }
      expect(codeOf(await who.post(`${base}/options`, undefined, own))).toEqual([422, 'passkeys-unavailable'])
      expect((await who.post(`${base}/recovery-code`, { code: codes[0] }, own)).status).toBe(204)
      expect((await who.get(users)).status).toBe(200)
    } finally {
      await elsewhere.close()
    }
    const who = await signIn()
    expect(codeOf(await who.post(`${base}/recovery-code`, { code: codes[0] }))).toEqual(refused)
  })
})
