import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { describe, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { stepUp } from '../testing/team.ts'
import { testApi } from '../testing/test-api.ts'
import { hashRecoveryCode } from './recovery-codes.ts'
import { addPasskey, codeOf, enrol } from './testing/enrol.ts'

const database = testDatabase()
const api = testApi(database, testRedis())

const events = async (who: Client, pattern: string) =>
  (
    await database.asSuperuser<{ event_type: string }>(
      'select event_type from nora.audit_log where actor_id = $1 and event_type like $2 order by seq',
      [who.user!.id, pattern],
    )
  ).map(({ event_type }) => event_type)
const calmDown = (who: Client) =>
  database.asSuperuser('update nora.sessions set stepped_up_until = null where user_id = $1', [who.user!.id])
const list = async (who: Client) => (await who.get('/api/auth/passkeys')).body

describe('recovery codes', () => {
  const make = async (who: Client) => (await who.post('/api/auth/recovery-codes')).body.codes as string[]

  test('are ten, shown once, kept as hashes, and each steps up once, however it is typed', async () => {
    const who = await api.signUp()
    await enrol(who)
    const codes = await make(who)
    expect(new Set(codes).size).toBe(10)
    expect(codes.every((code) => /^([0-9a-hj-km-np-tv-z]{4}-){3}[0-9a-hj-km-np-tv-z]{4}$/.test(code))).toBe(
      true,
    )
    const kept = JSON.stringify(
      await database.asSuperuser('select c::text as row from nora.recovery_codes c'),
    )
    expect(codes.every((code) => kept.includes(hashRecoveryCode(code).toString('hex')))).toBe(true)
    const seen = [kept, ...api.logged].join()
    const formsOf = (code: string) => [code, code.replaceAll('-', ''), Buffer.from(code).toString('hex')]
    expect(codes.flatMap(formsOf).filter((form) => seen.includes(form))).toEqual([])
    expect((await list(who)).recoveryCodes).toBe(10)
    await calmDown(who)
    const use = (code: string) => who.post('/api/auth/step-up/recovery-code', { code })
    expect((await use(codes[0]!.toUpperCase().replaceAll('-', ' '))).status).toBe(204)
    expect(codeOf(await use(codes[0]!))).toEqual([403, 'passkey-refused'])
    expect((await list(who)).recoveryCodes).toBe(9)
    expect(await events(who, 'RECOVERY%')).toEqual(['RECOVERY_CODES_MADE', 'RECOVERY_CODE_USED'])
  })

  test('replace the old ones, are nobody else’s, need a step-up and a passkey, and go with the last one', async () => {
    const [who, other] = [await api.signUp(), await api.signUp()]
    expect(codeOf(await who.post('/api/auth/recovery-codes'))).toEqual([403, 'step-up-required'])
    await stepUp(who)
    expect(codeOf(await who.post('/api/auth/recovery-codes'))).toEqual([409, 'no-passkeys'])
    await addPasskey(who)
    await enrol(other)
    const [old, next] = [await make(who), await make(who)]
    const use = (by: Client, code: string) => by.post('/api/auth/step-up/recovery-code', { code })
    expect((await use(who, old[0]!)).status).toBe(403)
    expect((await use(other, next[0]!)).status).toBe(403)
    expect((await use(who, next[0]!)).status).toBe(204)
    const [{ id }] = (await list(who)).items
    await who.delete(`/api/auth/passkeys/${id}`)
    expect((await list(who)).recoveryCodes).toBe(0)
  })
})
