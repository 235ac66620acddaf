import { randomUUID } from 'node:crypto'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { describe, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { stepUp } from '../testing/team.ts'
import { testApi } from '../testing/test-api.ts'
import { codeOf, enrol, passkeyStepUp } from './testing/enrol.ts'

const database = testDatabase()
const api = testApi(database, testRedis())

const store = async (who: Client): Promise<string> => {
  const secret = { apiKey: `key-${randomUUID()}`, apiSecret: `secret-${randomUUID()}` }
  const made = await who.post('/api/exchange-credentials', { exchange: 'binance', label: 'main', secret })
  expect(made.status, made.text).toBe(201)
  return made.body.id
}
const permit = (who: Client, id: string, permission = 'trading_enabled') =>
  who.patch(`/api/exchange-credentials/${id}`, { permission })
const ask = (who: Client, targetId: string) =>
  who.post('/api/auth/passkeys/actions/options', { action: 'exchange:trade', targetId })
const give = (who: Client, assertion: unknown) => who.post('/api/auth/passkeys/actions', { assertion })
type Device = Awaited<ReturnType<typeof enrol>>
const confirm = async (who: Client, device: Device, id: string) =>
  give(who, device.assert((await ask(who, id)).body))

describe('enabling trading', () => {
  test('needs a step-up without a passkey, and with one its word for this credential besides', async () => {
    const who = await stepUp(await api.signUp())
    const [first, second, third] = [await store(who), await store(who), await store(who)]
    expect((await permit(who, first)).status).toBe(200)
    const device = await enrol(who)
    expect(codeOf(await permit(who, second))).toEqual([403, 'passkey-confirmation-required'])
    await passkeyStepUp(who, device)
    expect(codeOf(await permit(who, second))).toEqual([403, 'passkey-confirmation-required'])
    expect((await confirm(who, device, second)).status).toBe(204)
    expect(codeOf(await permit(who, third))).toEqual([403, 'passkey-confirmation-required'])
    expect((await permit(who, second)).body.permission).toBe('trading_enabled')
    const rows = await database.asSuperuser(
      `select details from nora.audit_log where actor_id = $1 and event_type = 'PASSKEY_CONFIRMED'`,
      [who.user!.id],
    )
    expect(rows).toEqual([{ details: { action: 'exchange:trade', targetId: second } }])
  })

  test('needs a new word each time it is enabled again, and one not older than five minutes', async () => {
    const who = await api.signUp()
    const device = await enrol(who)
    const id = await store(who)
    await confirm(who, device, id)
    await permit(who, id)
    expect((await permit(who, id, 'read_only')).status).toBe(200)
    expect(codeOf(await permit(who, id))).toEqual([403, 'passkey-confirmation-required'])
    await confirm(who, device, id)
    await database.asSuperuser(
      `update nora.action_assertions set created_at = now() - interval '301 seconds'`,
    )
    expect(codeOf(await permit(who, id))).toEqual([403, 'passkey-confirmation-required'])
  })
})

describe('a passkey’s word', () => {
  test('is taken once, for what it was asked, in the session that asked', async () => {
    const [who, other] = [await api.signUp(), await api.signUp()]
    const [device, theirs] = [await enrol(who), await enrol(other)]
    const id = await store(who)
    const refused = [403, 'passkey-refused']
    const options = (await ask(who, id)).body
    expect(codeOf(await give(other, theirs.assert(options)))).toEqual(refused)
    const assertion = device.assert(options)
    const answers = await Promise.all(Array.from({ length: 6 }, () => give(who, assertion)))
    expect(answers.map(({ status }) => status).sort()).toEqual([204, ...Array(5).fill(403)])
    for (const spoil of [{ userVerified: false }, { origin: 'https://evil.test' }, { counter: 1 }]) {
      expect(codeOf(await give(who, device.assert((await ask(who, id)).body, spoil)))).toEqual(refused)
    }
    const stepUpOptions = await who.post('/api/auth/step-up/passkey/options')
    expect(codeOf(await give(who, device.assert(stepUpOptions.body)))).toEqual(refused)
    const late = (await ask(who, id)).body
    await database.asSuperuser(
      `update nora.passkey_challenges set created_at = now() - interval '301 seconds'`,
    )
    expect(codeOf(await give(who, device.assert(late)))).toEqual(refused)
  })

  test('is kept without what came along unsigned', async () => {
    const who = await api.signUp()
    const device = await enrol(who)
    const assertion = device.assert((await ask(who, randomUUID())).body)
    const clientExtensionResults = { padding: 'x'.repeat(30_000) }
    expect((await give(who, { ...assertion, clientExtensionResults })).status).toBe(204)
    const kept = await database.asSuperuser(
      'select assertion from nora.action_assertions where user_id = $1',
      [who.user!.id],
    )
    expect(kept).toEqual([{ assertion }])
  })

  test('is asked of nobody who has no passkey', async () => {
    const who = await api.signUp()
    expect(codeOf(await ask(who, randomUUID()))).toEqual([409, 'no-passkeys'])
  })
})
