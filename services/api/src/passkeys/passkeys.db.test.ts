import { randomBytes } from 'node:crypto'
import { authenticator } from '@nora/passkeys/testing/authenticator'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { describe, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { stepUp } from '../testing/team.ts'
import { password, startApi, testApi } from '../testing/test-api.ts'
import { hashChallenge } from './own-passkeys.ts'
import { addPasskey, codeOf, enrol, passkeyStepUp } from './testing/enrol.ts'

const database = testDatabase()
const redis = testRedis()
const api = testApi(database, redis)

const events = async (who: Client, pattern = '%') =>
  (
    await database.asSuperuser<{ event_type: string }>(
      'select event_type from nora.audit_log where actor_id = $1 and event_type like $2 order by seq',
      [who.user!.id, pattern],
    )
  ).map(({ event_type }) => event_type)
const calmDown = (who: Client) =>
  database.asSuperuser('update nora.sessions set stepped_up_until = null where user_id = $1', [who.user!.id])
const until = async (who: Client) => (await who.get('/api/auth/me')).body.session.steppedUpUntil
const list = async (who: Client) => (await who.get('/api/auth/passkeys')).body

describe('adding a passkey', () => {
  test('needs a step-up, is listed and audited', async () => {
    const who = await api.signUp({ transport: 'cookie' })
    expect(codeOf(await who.post('/api/auth/passkeys/options'))).toEqual([403, 'step-up-required'])
    await stepUp(who)
    const { answer } = await addPasskey(who, authenticator(), 'Blue key')
    const passkey = {
      ...{ id: expect.any(String), label: 'Blue key', backedUp: false, createdAt: expect.any(String) },
      lastUsedAt: null,
    }
    expect([answer.status, answer.body]).toEqual([201, passkey])
    expect(await list(who)).toEqual({ items: [passkey], nextCursor: null, recoveryCodes: 0 })
    expect(await events(who, 'PASSKEY%')).toEqual(['PASSKEY_ADDED'])
  })

  test('asks for what a browser understands', async () => {
    const who = await stepUp(await api.signUp())
    const { body } = await who.post('/api/auth/passkeys/options')
    expect(body).toEqual({
      challenge: expect.stringMatching(/^[\w-]{43}$/),
      rp: { id: 'localhost', name: 'Nora' },
      user: {
        id: Buffer.from(who.user!.id.replaceAll('-', ''), 'hex').toString('base64url'),
        name: who.user!.email,
        displayName: who.user!.email,
      },
      pubKeyCredParams: [-7, -8, -257].map((alg) => ({ type: 'public-key', alg })),
      ...{ timeout: 300_000, attestation: 'none', excludeCredentials: [] },
      authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
    })
    const rows = await database.asSuperuser('select c::text as row from nora.passkey_challenges c')
    const [kept, challenge] = [JSON.stringify(rows), Buffer.from(body.challenge, 'base64url')]
    expect(kept).toContain(hashChallenge(body.challenge).toString('hex'))
    expect(kept).not.toContain(challenge.toString('hex'))
  })

  test('answers one challenge, once, within five minutes, of this session', async () => {
    const who = await stepUp(await api.signUp())
    const other = await stepUp(await api.login(who.user!.email, password))
    const ask = async () => (await who.post('/api/auth/passkeys/options')).body
    const give = (by: Client, registration: unknown) =>
      by.post('/api/auth/passkeys', { label: 'Key', registration })
    const options = await ask()
    expect(codeOf(await give(other, authenticator().register(options)))).toEqual([403, 'passkey-refused'])
    expect((await give(who, authenticator().register(options))).status).toBe(201)
    expect(codeOf(await give(who, authenticator().register(options)))).toEqual([403, 'passkey-refused'])
    const late = await ask()
    await database.asSuperuser(
      `update nora.passkey_challenges set created_at = now() - interval '301 seconds'`,
    )
    expect(codeOf(await give(who, authenticator().register(late)))).toEqual([403, 'passkey-refused'])
    const unasked = { challenge: Buffer.alloc(32, 1).toString('base64url') }
    expect(codeOf(await give(who, authenticator().register(unasked)))).toEqual([403, 'passkey-refused'])
    for (const spoil of [{ userVerified: false }, { origin: 'https://evil.test' }, { rpId: 'evil.test' }]) {
      const answer = await give(who, authenticator().register(await ask(), spoil))
      expect(codeOf(answer)).toEqual([403, 'passkey-refused'])
    }
    const short = authenticator(undefined, randomBytes(15)).register(await ask())
    expect(codeOf(await give(who, short))).toEqual([403, 'passkey-refused'])
    expect((await list(who)).items).toHaveLength(1)
  })

  test('a challenge to step up adds none, and the other way round', async () => {
    const who = await api.signUp()
    const device = await enrol(who)
    const stepUpOptions = await who.post('/api/auth/step-up/passkey/options')
    const registration = authenticator().register(stepUpOptions.body)
    const added = await who.post('/api/auth/passkeys', { label: 'Key', registration })
    expect(codeOf(added)).toEqual([403, 'passkey-refused'])
    const options = await who.post('/api/auth/passkeys/options')
    const stepped = await who.post('/api/auth/step-up/passkey', { assertion: device.assert(options.body) })
    expect(codeOf(stepped)).toEqual([403, 'passkey-refused'])
  })

  test('a passkey that stands somewhere already is refused, here and at somebody else’s', async () => {
    const [who, other] = [await api.signUp(), await stepUp(await api.signUp())]
    const device = await enrol(who)
    expect(codeOf((await addPasskey(who, device)).answer)).toEqual([409, 'passkey-known'])
    expect(codeOf((await addPasskey(other, device)).answer)).toEqual([409, 'passkey-known'])
  })

  test('ends with twenty', async () => {
    const who = await stepUp(await api.signUp())
    for (let n = 0; n < 20; n++) expect((await addPasskey(who)).answer.status).toBe(201)
    expect(codeOf((await addPasskey(who)).answer)).toEqual([422, 'passkey-limit'])
  })

  test('is not to be had where browsers offer none', async () => {
    const one = await startApi(database, redis, { config: { publicUrl: 'http://127.0.0.1:8080' } })
    try {
      const who = await stepUp(await one.signUp())
      expect(codeOf(await who.post('/api/auth/passkeys/options'))).toEqual([422, 'passkeys-unavailable'])
    } finally {
      await one.close()
    }
  })
})

describe('a step-up', () => {
  test('by a passkey lasts ten minutes, for this session', async () => {
    const who = await api.signUp()
    const device = await enrol(who)
    await calmDown(who)
    expect((await passkeyStepUp(who, device)).status).toBe(204)
    expect(Date.parse(await until(who)) - Date.now()).toBeGreaterThan(9 * 60_000)
    expect((await events(who, 'STEP%')).at(-1)).toBe('STEPPED_UP')
    expect((await list(who)).items[0].lastUsedAt).not.toBeNull()
  })

  test('by the password alone no longer does, with a passkey', async () => {
    const who = await api.signUp()
    const device = await enrol(who)
    await calmDown(who)
    expect(codeOf(await who.post('/api/auth/step-up', { password }))).toEqual([403, 'passkey-required'])
    expect(await until(who)).toBeNull()
    await passkeyStepUp(who, device)
    const [{ id }] = (await list(who)).items
    expect((await who.delete(`/api/auth/passkeys/${id}`)).status).toBe(204)
    await calmDown(who)
    await stepUp(who)
  })

  test('is asked for by a change of the password, too, and for nothing without a passkey', async () => {
    const who = await api.signUp()
    const change = (currentPassword: string) =>
      who.patch('/api/auth/password', { currentPassword, newPassword: password })
    expect((await change(password)).status).toBe(204)
    const device = await enrol(who)
    await calmDown(who)
    for (const guess of [password, 'no'])
      expect(codeOf(await change(guess))).toEqual([403, 'step-up-required'])
    await passkeyStepUp(who, device)
    expect(codeOf(await change('not my password'))).toEqual([401, 'invalid-credentials'])
    expect((await change(password)).status).toBe(204)
  })

  test('by anything else is refused and audited', async () => {
    const [who, other] = [await api.signUp(), await api.signUp()]
    const [device, theirs] = [await enrol(who), await enrol(other)]
    await calmDown(who)
    const attempt = async (sign: (options: { challenge: string }) => unknown) => {
      const { body } = await who.post('/api/auth/step-up/passkey/options')
      return codeOf(await who.post('/api/auth/step-up/passkey', { assertion: sign(body) }))
    }
    const stranger = authenticator()
    const challenge = Buffer.alloc(32, 9).toString('base64url')
    for (const sign of [
      (options: { challenge: string }) => theirs.assert(options),
      (options: { challenge: string }) => stranger.assert(options),
      (options: { challenge: string }) => ({ ...stranger.assert(options), id: device.id, rawId: device.id }),
      (options: { challenge: string }) => device.assert(options, { userVerified: false }),
      (options: { challenge: string }) => device.assert(options, { origin: 'https://evil.test' }),
      (options: { challenge: string }) => device.assert(options, { rpId: 'evil.test' }),
      (options: { challenge: string }) => device.assert(options, { challenge }),
    ]) {
      expect(await attempt(sign)).toEqual([403, 'passkey-refused'])
    }
    expect(await until(who)).toBeNull()
    // A challenge that nobody gave out is not even looked at.
    expect((await events(who, 'STEP_UP_REFUSED')).length).toBe(6)
  })

  test('twice by one assertion is one', async () => {
    const who = await api.signUp()
    const device = await enrol(who)
    const { body } = await who.post('/api/auth/step-up/passkey/options')
    const assertion = device.assert(body)
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => who.post('/api/auth/step-up/passkey', { assertion })),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([204, ...Array(7).fill(403)])
  })

  test('by a passkey whose counter goes back is refused: somebody has a copy of it', async () => {
    const who = await api.signUp()
    const device = await enrol(who)
    await passkeyStepUp(who, device)
    await passkeyStepUp(who, device)
    await calmDown(who)
    for (const counter of [2, 1, 0]) {
      const { body } = await who.post('/api/auth/step-up/passkey/options')
      const assertion = device.assert(body, { counter })
      expect(codeOf(await who.post('/api/auth/step-up/passkey', { assertion }))).toEqual([
        403,
        'passkey-refused',
      ])
    }
    expect(await events(who, 'PASSKEY_COUNTER%')).toEqual(Array(3).fill('PASSKEY_COUNTER_WENT_BACK'))
    expect(api.logged.join()).toContain('second-factor-refused')
    expect(await until(who)).toBeNull()
  })

  test('a passkey that does not count may always say zero', async () => {
    const who = await api.signUp()
    const device = await enrol(who)
    for (let n = 0; n < 2; n++) {
      const { body } = await who.post('/api/auth/step-up/passkey/options')
      const assertion = device.assert(body, { counter: 0 })
      expect((await who.post('/api/auth/step-up/passkey', { assertion })).status).toBe(204)
    }
  })

  test('without a passkey there is nothing to ask', async () => {
    const who = await api.signUp()
    expect(codeOf(await who.post('/api/auth/step-up/passkey/options'))).toEqual([409, 'no-passkeys'])
  })
})

describe('one’s passkeys', () => {
  test('are renamed and removed by their owner, removed with a step-up, and like nothing to others', async () => {
    const [who, other] = [await api.signUp(), await api.signUp()]
    await enrol(who)
    await enrol(other)
    const [{ id }] = (await list(who)).items
    const path = `/api/auth/passkeys/${id}`
    expect(codeOf(await other.patch(path, { label: 'Mine' }))).toEqual([404, 'not-found'])
    expect(codeOf(await other.delete(path))).toEqual([404, 'not-found'])
    expect((await who.patch(path, { label: 'Desk' })).body.label).toBe('Desk')
    await calmDown(who)
    expect(codeOf(await who.delete(path))).toEqual([403, 'step-up-required'])
    expect(await events(who, 'PASSKEY%')).toEqual(['PASSKEY_ADDED', 'PASSKEY_RENAMED'])
  })
})
