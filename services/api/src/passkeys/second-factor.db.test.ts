import { randomBytes } from 'node:crypto'
import { parseAllowedHost } from '@nora/config/provider-hosts'
import type { SignInProvider } from '@nora/config/sign-in-providers'
import type { Authenticator } from '@nora/passkeys/testing/authenticator'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { beforeAll, describe, expect, test } from 'vitest'
import { begin, browser, comeBack, learn, newcomer, roundTrip, signInAt } from '../oauth/testing/browser.ts'
import { localProvider } from '../oauth/testing/local-provider.ts'
import { type Client, client } from '../testing/client.ts'
import { stepUp } from '../testing/team.ts'
import { password, testApi } from '../testing/test-api.ts'
import { addPasskey, codeOf, enrol, passkeyStepUp } from './testing/enrol.ts'

const database = testDatabase()
const provider = localProvider()
const signInProviders: SignInProvider[] = []
const signInAllowHosts = [parseAllowedHost('127.0.0.1')!]
const api = testApi(database, testRedis(), { config: { signInProviders, signInAllowHosts } })

beforeAll(async () => {
  signInProviders.push(provider.oidc)
  await api.signUp()
})

type Signing = {
  who: Client
  device: Authenticator
  next: Client
  token: string
  options: { challenge: string }
}

/** An account with a passkey, and a browser that has shown its password. */
async function halfway(transport: 'cookie' | 'bearer' = 'cookie'): Promise<Signing> {
  const who = await api.signUp()
  const device = await enrol(who)
  const next = client({ url: api.url, origin: api.origin })
  const asked = await next.post('/api/auth/login', { email: who.user!.email, password, transport })
  expect(asked.status, asked.text).toBe(202)
  const { token } = asked.body
  const options = await next.post('/api/auth/login/passkey/options', { token })
  expect(options.status, options.text).toBe(200)
  return { who, device, next, token, options: options.body }
}
const sessions = async (who: Client) =>
  (await database.asSuperuser('select 1 from nora.sessions where user_id = $1', [who.user!.id])).length
const finish = ({ next, token }: Signing, assertion: unknown) =>
  next.post('/api/auth/login/passkey', { token, assertion })

describe('a sign-in to an account with a passkey', () => {
  test.each(['cookie', 'bearer'] as const)(
    'by the right password opens no %s session before the passkey',
    async (transport) => {
      const signing = await halfway(transport)
      expect(await sessions(signing.who)).toBe(1)
      expect(signing.next.cookies.size).toBe(0)
      expect(signing.options).toMatchObject({
        ...{
          rpId: 'localhost',
          userVerification: 'required',
          challenge: expect.stringMatching(/^[\w-]{43}$/),
        },
        allowCredentials: [{ id: signing.device.id, type: 'public-key', transports: ['internal'] }],
      })
      const done = await finish(signing, signing.device.assert(signing.options))
      expect(done.status, done.text).toBe(200)
      expect(done.body.user.id).toBe(signing.who.user!.id)
      expect(signing.next.cookies.size).toBe(transport === 'cookie' ? 2 : 0)
      expect(done.body.accessToken === undefined).toBe(transport === 'cookie')
      const rows = await database.asSuperuser(
        `select event_type, details from nora.audit_log where actor_id = $1 and event_type ~ 'SIGNED_IN|SECOND' order by seq desc limit 2`,
        [signing.who.user!.id],
      )
      expect(rows).toEqual([
        { event_type: 'SIGNED_IN', details: { transport, secondFactor: 'passkey' } },
        { event_type: 'SECOND_FACTOR_REQUIRED', details: {} },
      ])
    },
  )

  test('says nothing of passkeys to whoever has not the password', async () => {
    const { who } = await halfway()
    const answer = await api.anonymous.post('/api/auth/login', { email: who.user!.email, password: 'wrong' })
    expect(codeOf(answer)).toEqual([401, 'invalid-credentials'])
  })

  test('takes one answer to its token: a wrong one, or none in time, and it is over', async () => {
    for (const spoil of [
      { userVerified: false },
      { origin: 'https://evil.test' },
      { challenge: randomBytes(32).toString('base64url') },
    ]) {
      const signing = await halfway()
      const wrong = await finish(signing, signing.device.assert(signing.options, spoil))
      expect(codeOf(wrong)).toEqual([401, 'second-factor-invalid'])
      const right = await finish(signing, signing.device.assert(signing.options))
      expect(codeOf(right)).toEqual([401, 'second-factor-invalid'])
      expect(await sessions(signing.who)).toBe(1)
    }
    const late = await halfway()
    await database.asSuperuser(`update nora.second_factors set created_at = now() - interval '301 seconds'`)
    expect(codeOf(await finish(late, late.device.assert(late.options)))).toEqual([
      401,
      'second-factor-invalid',
    ])
    const [row] = await database.asSuperuser(
      `select details from nora.audit_log where event_type = 'SIGN_IN_FAILED' order by seq desc limit 1`,
    )
    expect(row).toEqual({ details: { reason: 'second-factor-invalid' } })
  })

  test('at the same time with one token opens one session', async () => {
    const signing = await halfway()
    const assertion = signing.device.assert(signing.options)
    const answers = await Promise.all(Array.from({ length: 8 }, () => finish(signing, assertion)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(7).fill(401)])
    expect(await sessions(signing.who)).toBe(2)
  })

  test('does not take another account’s passkey, token, or an assertion that was made to step up', async () => {
    const [one, two] = [await halfway(), await halfway()]
    const theirs = await finish(one, two.device.assert(one.options))
    expect(codeOf(theirs)).toEqual([401, 'second-factor-invalid'])
    const mixed = await finish(two, two.device.assert(one.options))
    expect(codeOf(mixed)).toEqual([401, 'second-factor-invalid'])
    const three = await halfway()
    const stepUpOptions = (await three.who.post('/api/auth/step-up/passkey/options')).body
    const stepped = await finish(three, three.device.assert(stepUpOptions))
    expect(codeOf(stepped)).toEqual([401, 'second-factor-invalid'])
  })

  test('is refused a page of another site, and a token that is none', async () => {
    const signing = await halfway()
    const assertion = signing.device.assert(signing.options)
    const foreign = await signing.next.post(
      '/api/auth/login/passkey',
      { token: signing.token, assertion },
      { origin: 'https://evil.test' },
    )
    expect(codeOf(foreign)).toEqual([403, 'csrf-failed'])
    for (const token of [undefined, 'x', 'A'.repeat(43), `${signing.token}A`]) {
      const answer = await signing.next.post('/api/auth/login/passkey', { token, assertion })
      expect(codeOf(answer)).toEqual([401, 'second-factor-invalid'])
    }
  })

  test('by a recovery code works once', async () => {
    const signing = await halfway()
    const { codes } = (await signing.who.post('/api/auth/recovery-codes')).body
    const by = (token: string, code: string) =>
      signing.next.post('/api/auth/login/recovery-code', { token, code })
    expect((await by(signing.token, codes[0])).status).toBe(200)
    const again = await api.anonymous.post('/api/auth/login', { email: signing.who.user!.email, password })
    expect(codeOf(await by(again.body.token, codes[0]))).toEqual([401, 'second-factor-invalid'])
    expect(codeOf(await by(again.body.token, codes[1]))).toEqual([401, 'second-factor-invalid'])
  })

  test('of somebody who was disabled meanwhile is refused', async () => {
    const signing = await halfway()
    await database.asSuperuser('update nora.users set disabled_at = now() where id = $1', [
      signing.who.user!.id,
    ])
    const answer = await finish(signing, signing.device.assert(signing.options))
    expect(codeOf(answer)).toEqual([403, 'account-disabled'])
  })

  test('needs the password alone when the last passkey is gone', async () => {
    const { who, device } = await halfway()
    await passkeyStepUp(who, device)
    const [{ id }] = (await who.get('/api/auth/passkeys')).body.items
    await who.delete(`/api/auth/passkeys/${id}`)
    expect((await api.login(who.user!.email, password)).user!.id).toBe(who.user!.id)
  })
})

describe('a sign-in at a provider to an account with a passkey', () => {
  test('leaves a token that no script sees, and asks for the passkey', async () => {
    const owner = await stepUp(await api.signUp({ transport: 'cookie' }))
    newcomer(provider)
    await roundTrip(owner, provider, 'link')
    const { device } = await addPasskey(owner)
    const next = browser(api)
    const back = await comeBack(next, await provider.visit(await begin(next)))
    expect([back.status, [...next.cookies.keys()]]).toEqual([302, ['nora_2f']])
    expect(back.cookies.find((line) => line.startsWith('nora_2f'))).toMatch(/HttpOnly.*SameSite=Strict/)
    expect((await next.get('/api/auth/me')).status).toBe(401)
    const options = await next.post('/api/auth/login/passkey/options', {})
    const done = await next.post('/api/auth/login/passkey', { assertion: device.assert(options.body) })
    expect(done.status, done.text).toBe(200)
    expect([...next.cookies.keys()].sort()).toEqual(['nora_at', 'nora_rt'])
    expect((await learn(next)).user!.id).toBe(owner.user!.id)
  })

  test('steps up with the passkey and no longer at the provider', async () => {
    newcomer(provider)
    const who = browser(api)
    await signInAt(who, provider)
    const { device } = await addPasskey(who)
    expect(codeOf(await roundTrip(who, provider, 'step-up'))).toEqual([403, 'passkey-required'])
    expect((await passkeyStepUp(who, device)).status).toBe(204)
  })
})
