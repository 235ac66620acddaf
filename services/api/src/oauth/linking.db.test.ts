import { parseAllowedHost } from '@nora/config/provider-hosts'
import type { SignInProvider } from '@nora/config/sign-in-providers'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { stepUp } from '../testing/team.ts'
import { password, testApi } from '../testing/test-api.ts'
import { browser, codeOf, comeBack, newcomer, roundTrip, signInAt } from './testing/browser.ts'
import { localProvider } from './testing/local-provider.ts'

const database = testDatabase()
const provider = localProvider()
const signInProviders: SignInProvider[] = []
const signInAllowHosts = [parseAllowedHost('127.0.0.1')!]
const api = testApi(database, testRedis(), { config: { signInProviders, signInAllowHosts } })

beforeAll(async () => {
  signInProviders.push(provider.oidc, provider.github)
  await api.signUp()
})
afterEach(() => provider.behave({}))

const identities = async (who: Client) => (await who.get('/api/auth/identities')).body.items
const events = async (userId: string, pattern: string) =>
  (
    await database.asSuperuser<{ event_type: string }>(
      'select event_type from nora.audit_log where actor_id = $1 and event_type like $2 order by seq',
      [userId, pattern],
    )
  ).map(({ event_type }) => event_type)
/** Takes back what a step-up, or the first minutes of an account, allow. */
const calmDown = (who: Client) =>
  database.asSuperuser('update nora.sessions set stepped_up_until = null where user_id = $1', [who.user!.id])
/** An account that a provider made. */
const providersOwn = async (id = 'oidc') => {
  newcomer(provider)
  const who = browser(api)
  await signInAt(who, provider, id)
  return who
}

describe('linking', () => {
  test('while signed in and stepped up: from then on the provider signs in to that account', async () => {
    const owner = await stepUp(await api.signUp({ transport: 'cookie' }))
    const person = newcomer(provider)
    const answer = await roundTrip(owner, provider, 'link')
    expect([answer.status, answer.headers.get('location')]).toEqual([302, 'http://localhost:8080/'])
    expect(answer.cookies.filter((line) => /nora_[ar]t=/.test(line))).toEqual([])
    expect(await identities(owner)).toEqual([
      {
        ...{ id: expect.any(String), provider: 'oidc', issuer: provider.issuer, email: person.email },
        ...{ createdAt: expect.any(String), lastUsedAt: null },
      },
    ])
    const other = browser(api)
    await signInAt(other, provider)
    expect(other.user!.id).toBe(owner.user!.id)
    // Twice is once.
    expect((await roundTrip(owner, provider, 'link')).status).toBe(302)
    expect(await events(owner.user!.id, 'IDENTITY%')).toEqual(['IDENTITY_LINKED'])
  })

  test('without a step-up begins nothing, and a step-up that passed meanwhile finishes nothing', async () => {
    const owner = await api.signUp({ transport: 'cookie' })
    newcomer(provider)
    expect(codeOf(await roundTrip(owner, provider, 'link'))).toEqual([403, 'step-up-required'])
    await stepUp(owner)
    const begun = await owner.post('/api/auth/oauth/oidc/link', {})
    const back = await provider.visit(begun.body.authorizationUrl)
    await calmDown(owner)
    expect(codeOf(await comeBack(owner, back))).toEqual([403, 'step-up-required'])
    expect(await identities(owner)).toEqual([])
  })

  test('after the session ended, or at the hand of a page of another site, links nothing', async () => {
    const owner = await stepUp(await api.signUp({ transport: 'cookie' }))
    newcomer(provider)
    const foreign = await owner.post('/api/auth/oauth/oidc/link', {}, { origin: 'https://evil.test' })
    expect(codeOf(foreign)).toEqual([403, 'csrf-failed'])
    const begun = await owner.post('/api/auth/oauth/oidc/link', {})
    const back = await provider.visit(begun.body.authorizationUrl)
    const flow = owner.cookies.get('nora_flow')!
    await owner.post('/api/auth/logout', {})
    const left = browser(api)
    left.cookies.set('nora_flow', flow)
    expect(codeOf(await comeBack(left, back))).toEqual([403, 'step-up-required'])
    expect(codeOf(await signInAt(browser(api), provider))).toEqual([302, undefined])
  })

  test('an identity of somebody else is refused, audited, and stays theirs', async () => {
    const first = await providersOwn()
    const second = await stepUp(await api.signUp({ transport: 'cookie' }))
    expect(codeOf(await roundTrip(second, provider, 'link'))).toEqual([409, 'identity-taken'])
    expect(await identities(second)).toEqual([])
    expect(await identities(first)).toHaveLength(1)
    expect(await events(second.user!.id, 'IDENTITY%')).toEqual(['IDENTITY_LINK_REFUSED'])
  })

  test('ends with ten', async () => {
    const owner = await stepUp(await api.signUp({ transport: 'cookie' }))
    for (let n = 0; n < 10; n++) {
      newcomer(provider)
      expect((await roundTrip(owner, provider, 'link')).status).toBe(302)
    }
    newcomer(provider)
    expect(codeOf(await roundTrip(owner, provider, 'link'))).toEqual([422, 'identity-limit'])
    expect(await identities(owner)).toHaveLength(10)
  })
})

describe('unlinking', () => {
  const unlink = async (who: Client) => who.delete(`/api/auth/identities/${(await identities(who))[0].id}`)

  test('needs a step-up, is audited, and ends that way in', async () => {
    const owner = await stepUp(await api.signUp({ transport: 'cookie' }))
    newcomer(provider)
    await roundTrip(owner, provider, 'link')
    await calmDown(owner)
    expect(codeOf(await unlink(owner))).toEqual([403, 'step-up-required'])
    await stepUp(owner)
    expect((await unlink(owner)).status).toBe(204)
    expect(await events(owner.user!.id, 'IDENTITY%')).toEqual(['IDENTITY_LINKED', 'IDENTITY_UNLINKED'])
    const next = browser(api)
    await signInAt(next, provider)
    expect(next.user!.id).not.toBe(owner.user!.id)
  })

  test('the last way to sign in is refused, until there is a password', async () => {
    const who = await providersOwn()
    expect(codeOf(await unlink(who))).toEqual([409, 'last-sign-in-way'])
    expect(await identities(who)).toHaveLength(1)
    expect((await who.post('/api/auth/password', { newPassword: password })).status).toBe(204)
    expect((await unlink(who)).status).toBe(204)
    expect((await api.login(who.user!.email, password)).user!.id).toBe(who.user!.id)
  })

  test('what is somebody else’s is like what is not there', async () => {
    const [one, two] = [await providersOwn(), await providersOwn()]
    const [theirs] = await identities(two)
    for (const id of [theirs.id, '00000000-0000-4000-8000-000000000000']) {
      expect(codeOf(await one.delete(`/api/auth/identities/${id}`))).toEqual([404, 'not-found'])
    }
    expect(await identities(two)).toHaveLength(1)
  })
})

describe('a first password', () => {
  test('is set once, with a step-up', async () => {
    const who = await providersOwn()
    await calmDown(who)
    const set = () => who.post('/api/auth/password', { newPassword: password })
    const isSet = async () => (await who.get('/api/auth/identities')).body.passwordSet
    expect(await isSet()).toBe(false)
    expect(codeOf(await set())).toEqual([403, 'step-up-required'])
    await roundTrip(who, provider, 'step-up')
    expect((await set()).status).toBe(204)
    expect(await isSet()).toBe(true)
    expect(codeOf(await set())).toEqual([409, 'password-set-already'])
    expect(await events(who.user!.id, 'PASSWORD%')).toEqual(['PASSWORD_SET'])
  })
})

describe('a step-up at the provider', () => {
  const until = async (who: Client) => (await who.get('/api/auth/me')).body.session.steppedUpUntil

  test('asks to sign in again, and lasts ten minutes for this session alone', async () => {
    const who = await providersOwn()
    const other = browser(api)
    await signInAt(other, provider)
    await calmDown(who)
    expect((await roundTrip(who, provider, 'step-up')).status).toBe(302)
    expect(Object.fromEntries(provider.authorizations.at(-1)!)).toMatchObject({
      prompt: 'login',
      max_age: '0',
    })
    const minutes = (Date.parse(await until(who)) - Date.now()) / 60_000
    expect(minutes).toBeGreaterThan(9)
    expect(await until(other)).toBeNull()
    expect(await events(who.user!.id, 'STEP%')).toEqual(['STEPPED_UP'])
  })

  test('is none when the provider did not ask again, or does not say', async () => {
    const who = await providersOwn()
    await calmDown(who)
    for (const behaviour of [
      { signedInFor: 60 },
      { signedInFor: 86_400 },
      { claims: ({ auth_time: _, ...rest }: Record<string, unknown>) => rest },
      // In milliseconds, and at no time at all.
      { claims: (all: Record<string, unknown>) => ({ ...all, auth_time: Date.now() - 86_400_000 }) },
      { claims: (all: Record<string, unknown>) => ({ ...all, auth_time: 1e300 }) },
    ]) {
      provider.behave(behaviour)
      expect(codeOf(await roundTrip(who, provider, 'step-up'))).toEqual([403, 'reauthentication-stale'])
    }
    expect(await until(who)).toBeNull()
    expect(await events(who.user!.id, 'STEP%')).toEqual(Array(5).fill('STEP_UP_REFUSED'))
  })

  test('by another account of the provider is none', async () => {
    const who = await providersOwn()
    await calmDown(who)
    newcomer(provider)
    expect(codeOf(await roundTrip(who, provider, 'step-up'))).toEqual([403, 'identity-not-yours'])
  })

  test('is not for who has a password to show, nor at a provider that cannot ask again', async () => {
    const owner = await api.signUp({ transport: 'cookie' })
    expect(codeOf(await roundTrip(owner, provider, 'step-up'))).toEqual([403, 'password-required'])
    const who = await providersOwn('github')
    const answer = await roundTrip(who, provider, 'step-up', 'github')
    expect(codeOf(answer)).toEqual([403, 'reauthentication-unavailable'])
  })

  test('a sign-in is not a step-up', async () => {
    const who = await providersOwn()
    const again = browser(api)
    await signInAt(again, provider)
    expect(await until(again)).toBeNull()
    expect(codeOf(await again.post('/api/auth/oauth/oidc/link', {}))).toEqual([403, 'step-up-required'])
    // But who has just come into being has nothing to protect yet.
    expect(await until(who)).not.toBeNull()
  })
})
