import { createHmac, generateKeyPairSync, randomBytes } from 'node:crypto'
import { parseAllowedHost } from '@nora/config/provider-hosts'
import type { SignInProvider } from '@nora/config/sign-in-providers'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { testApi } from '../testing/test-api.ts'
import { begin, browser, codeOf, comeBack, newcomer, signInAt } from './testing/browser.ts'
import { type Behaviour, jws, localProvider } from './testing/local-provider.ts'

const database = testDatabase()
const provider = localProvider()
const other = localProvider('other')
const signInAllowHosts = [parseAllowedHost('127.0.0.1')!]
const signInProviders: SignInProvider[] = []
const api = testApi(database, testRedis(), { config: { signInProviders, signInAllowHosts } })

beforeAll(async () => {
  signInProviders.push(provider.oidc, other.oidc)
  await api.signUp()
})
afterEach(() => {
  provider.behave({})
  other.behave({})
})

const users = async () => (await database.asSuperuser('select 1 from nora.users')).length
const part = (value: object | string) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const hs256 = (claims: object, key: string | Buffer) => {
  const text = `${part({ alg: 'HS256', kid: 'one' })}.${part(claims)}`
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
}
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
const now = () => Math.floor(Date.now() / 1000)

describe('an id_token is refused, and nobody gets an account, when it has', () => {
  const cases: [string, Behaviour][] = [
    ['another nonce', { claims: (c) => ({ ...c, nonce: 'another' }) }],
    ['no nonce', { claims: ({ nonce: _, ...c }) => c }],
    ['another issuer', { claims: (c) => ({ ...c, iss: 'https://evil.test' }) }],
    ['another audience', { claims: (c) => ({ ...c, aud: 'somebody-else' }) }],
    ['an audience beside ours and no azp', { claims: (c) => ({ ...c, aud: [c['aud'], 'somebody-else'] }) }],
    ['run out', { claims: (c) => ({ ...c, iat: now() - 900, exp: now() - 600 }) }],
    ['no end', { claims: ({ exp: _, ...c }) => c }],
    ['a time to come', { claims: (c) => ({ ...c, nbf: now() + 900 }) }],
    ['no subject', { claims: ({ sub: _, ...c }) => c }],
    ['an empty subject', { claims: (c) => ({ ...c, sub: '' }) }],
    ['a subject that is a number', { claims: (c) => ({ ...c, sub: 5 }) }],
    ['a subject that is endless', { claims: (c) => ({ ...c, sub: 'x'.repeat(256) }) }],
    ['a subject with a NUL', { claims: (c) => ({ ...c, sub: 'a\u0000b' }) }],
    ['no signature (alg none)', { idToken: (c) => `${part({ alg: 'none' })}.${part(c)}.` }],
    [
      'HMAC by the public key',
      { idToken: (c, { rsa }) => hs256(c, rsa.publicKey.export({ format: 'pem', type: 'spki' })) },
    ],
    ['HMAC by the client secret', { idToken: (c) => hs256(c, provider.oidc.clientSecret) }],
    ['the key of a stranger', { idToken: (c) => jws({ alg: 'RS256', kid: 'one' }, c, stranger) }],
    ['a key that it brings along', { idToken: (c) => jws({ alg: 'RS256', jwk: {} }, c, stranger) }],
    [
      'claims changed after signing',
      {
        idToken: (c, { rsa }) => {
          const [header, , signature] = jws({ alg: 'RS256', kid: 'one' }, c, rsa.privateKey).split('.')
          return [header, part({ ...c, sub: 'victim' }), signature].join('.')
        },
      },
    ],
    ['nothing in it', { idToken: () => '' }],
    ['a shape that is none', { idToken: () => 'a.b' }],
  ]
  test.each(cases)('%s', async (_, behaviour) => {
    newcomer(provider)
    const before = await users()
    provider.behave(behaviour)
    const who = browser(api)
    const answer = await signInAt(who, provider)
    expect(codeOf(answer)).toEqual([403, 'oauth-refused'])
    expect([who.cookies.size, await users()]).toEqual([0, before])
  })
})

describe('an answer is refused', () => {
  const started = async () => {
    newcomer(provider)
    const who = browser(api)
    return { who, back: await provider.visit(await begin(who)) }
  }

  test('with another state, and the sign-in can still be finished', async () => {
    const { who, back } = await started()
    const wrong = new URL(back)
    for (const state of [randomBytes(32).toString('base64url'), '', `${back.searchParams.get('state')}x`]) {
      wrong.searchParams.set('state', state)
      expect(codeOf(await comeBack(who, wrong))).toEqual([400, 'oauth-flow-invalid'])
    }
    wrong.searchParams.delete('state')
    expect(codeOf(await comeBack(who, wrong))).toEqual([400, 'oauth-flow-invalid'])
    expect((await comeBack(who, back)).status).toBe(302)
  })

  test('when it comes again: state and code have been used', async () => {
    const { who, back } = await started()
    const flow = who.cookies.get('nora_flow')!
    expect((await comeBack(who, back)).status).toBe(302)
    who.cookies.set('nora_flow', flow)
    expect(codeOf(await comeBack(who, back))).toEqual([400, 'oauth-flow-invalid'])
  })

  test('at the same time: one of twenty gets in', async () => {
    const { who, back } = await started()
    const flow = who.cookies.get('nora_flow')!
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => {
        const copy = browser(api)
        copy.cookies.set('nora_flow', flow)
        return comeBack(copy, back)
      }),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([302, ...Array(19).fill(400)])
  })

  test('in the browser of somebody who did not begin it (a planted sign-in)', async () => {
    const { back } = await started()
    expect(codeOf(await comeBack(browser(api), back))).toEqual([400, 'oauth-flow-invalid'])
    const elsewhere = browser(api)
    await begin(elsewhere)
    expect(codeOf(await comeBack(elsewhere, back))).toEqual([400, 'oauth-flow-invalid'])
  })

  test('at the address of another provider, and the sign-in is spent', async () => {
    const { who, back } = await started()
    const flow = who.cookies.get('nora_flow')!
    const mixed = new URL(back.href.replace('/oauth/oidc/', '/oauth/other/'))
    expect(codeOf(await comeBack(who, mixed))).toEqual([400, 'oauth-flow-invalid'])
    who.cookies.set('nora_flow', flow)
    expect(codeOf(await comeBack(who, back))).toEqual([400, 'oauth-flow-invalid'])
    expect(other.tokens).toEqual([]) // the code of one was not shown to the other
  })

  test.each([
    ['another iss', (url: URL) => url.searchParams.set('iss', 'https://evil.test')],
    ['no iss, which the provider promises', (url: URL) => url.searchParams.delete('iss')],
    ['two of them', (url: URL) => url.searchParams.append('iss', 'https://evil.test')],
    ['no code', (url: URL) => url.searchParams.delete('code')],
    ['two codes', (url: URL) => url.searchParams.append('code', 'another')],
    ['another code', (url: URL) => url.searchParams.set('code', 'another')],
    ['an error', (url: URL) => url.searchParams.set('error', 'access_denied')],
  ])('with %s', async (_, spoil) => {
    newcomer(provider)
    provider.behave({ back: spoil })
    expect(codeOf(await signInAt(browser(api), provider))).toEqual([403, 'oauth-refused'])
  })

  test('and the log says why, without the code, the state or anybody’s name', async () => {
    const spoils: [Behaviour, string][] = [
      [{ back: (url) => url.searchParams.set('iss', 'https://evil.test') }, 'unexpected \\"iss\\"'],
      [{ back: (url) => url.searchParams.set('error', 'access_denied') }, 'access_denied'],
      [{ claims: (claims) => ({ ...claims, nonce: 'another' }) }, 'nonce'],
      [{ tokenStatus: 400 }, 'server_error'],
    ]
    for (const [behaviour, words] of spoils) {
      const { email, sub } = newcomer(provider)
      provider.behave(behaviour)
      const [who, from] = [browser(api), api.logged.length]
      const back = await provider.visit(await begin(who))
      expect(codeOf(await comeBack(who, back))).toEqual([403, 'oauth-refused'])
      const logged = api.logged.slice(from).join()
      expect(logged).toContain(words)
      const [code, state] = ['code', 'state'].map((name) => back.searchParams.get(name)!)
      expect([code, state, email, sub].filter((secret) => logged.includes(secret!))).toEqual([])
    }
  })

  test('ten minutes after it was begun', async () => {
    const { who, back } = await started()
    await database.asSuperuser(`update nora.sign_in_flows set started_at = now() - interval '601 seconds'`)
    expect(codeOf(await comeBack(who, back))).toEqual([400, 'oauth-flow-invalid'])
  })

  test('whose code was meant for another verifier (PKCE)', async () => {
    const { back } = await started()
    const thief = browser(api)
    const own = new URL(await begin(thief))
    back.searchParams.set('state', own.searchParams.get('state')!)
    expect(codeOf(await comeBack(thief, back))).toEqual([403, 'oauth-refused'])
  })
})

test('the local provider itself insists on PKCE and on the registered address', async () => {
  const url = new URL(await begin(browser(api)))
  for (const [name, value] of [
    ['code_challenge_method', 'plain'],
    ['redirect_uri', 'https://evil.test/'],
  ] as const) {
    const changed = new URL(url)
    changed.searchParams.set(name, value)
    await expect(provider.visit(changed.href)).rejects.toThrow()
  }
})
