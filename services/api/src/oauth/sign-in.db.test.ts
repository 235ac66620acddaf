import { createHash } from 'node:crypto'
import { parseAllowedHost } from '@nora/config/provider-hosts'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import pg from 'pg'
import { beforeAll, describe, expect, test } from 'vitest'
import { startApi, testApi } from '../testing/test-api.ts'
import { begin, browser, codeOf, comeBack, newcomer, signInAt } from './testing/browser.ts'
import { jws, localProvider } from './testing/local-provider.ts'

const database = testDatabase()
const redis = testRedis()
const provider = localProvider()
const signInAllowHosts = [parseAllowedHost('127.0.0.1')!]
const signInProviders: (typeof provider.oidc | typeof provider.github)[] = []
const api = testApi(database, redis, { config: { signInProviders, signInAllowHosts } })

beforeAll(async () => {
  signInProviders.push(provider.oidc, provider.github)
  await api.signUp() // claims the server
})

const events = (userId: string) =>
  database
    .asSuperuser<{ event_type: string; details: object }>(
      'select event_type, details from nora.audit_log where actor_id = $1 order by seq',
      [userId],
    )
    .then((rows) => rows.map(({ event_type, details }) => [event_type, details]))

test('a page learns which providers there are, and nothing that is secret', async () => {
  const answer = await browser(api).get('/api/auth/oauth')
  expect(answer.body).toEqual({
    items: [
      { id: 'oidc', name: 'Local' },
      { id: 'github', name: 'Local' },
    ],
  })
})

describe.each(['oidc', 'github'])('by %s', (id) => {
  test('somebody new gets an account and the cookies of any sign-in; afterwards it is the same account', async () => {
    const person = newcomer(provider)
    const first = browser(api)
    const answer = await signInAt(first, provider, id, '?returnTo=/agents%3Fstate%3Drunning')
    expect(answer.headers.get('location')).toBe('http://localhost:8080/agents?state=running')
    expect([...first.cookies.keys()].sort()).toEqual(['nora_at', 'nora_rt'])
    expect(answer.cookies.filter((line) => !/HttpOnly/.test(line))).toEqual([])
    expect(first.user).toMatchObject({ email: person.email, name: person.name, platformRole: 'user' })
    const again = browser(api)
    await signInAt(again, provider, id)
    expect(again.user!.id).toBe(first.user!.id)
    expect(await events(first.user!.id)).toEqual([
      ['USER_CREATED', { provider: id }],
      ['SIGNED_IN', { transport: 'cookie', provider: id }],
      ['SIGNED_IN', { transport: 'cookie', provider: id }],
    ])
    expect((await first.post('/api/auth/refresh', {})).status).toBe(200)
  })

  test('asks with PKCE, state and an exact redirect URI, and keeps none of it in the page or the database', async () => {
    newcomer(provider)
    const who = browser(api)
    const url = new URL(await begin(who, id))
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      response_type: 'code',
      redirect_uri: `http://localhost:8080/api/auth/oauth/${id}/callback`,
      code_challenge_method: 'S256',
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      state: expect.stringMatching(/^[\w-]{43}$/),
      ...(id === 'oidc' && { nonce: expect.stringMatching(/^[\w-]{43}$/) }),
    })
    const flow = who.cookies.get('nora_flow')!
    // As text, which shows bytes in hexadecimal; there is nothing left of it afterwards.
    const kept = JSON.stringify(await database.asSuperuser('select f::text as row from nora.sign_in_flows f'))
    expect(kept).toContain(createHash('sha256').update(Buffer.from(flow, 'base64url')).digest('hex'))
    expect(await comeBack(who, await provider.visit(url.href))).toMatchObject({ status: 302 })
    const verifier = provider.tokens.at(-1)!.get('code_verifier')!
    const secrets = [
      flow,
      verifier,
      ...['state', 'nonce'].flatMap((name) => url.searchParams.get(name) ?? []),
    ]
    expect(secrets).toHaveLength(id === 'oidc' ? 4 : 3)
    for (const secret of secrets) {
      const bytes = [Buffer.from(secret), Buffer.from(secret, 'base64url')].map((one) => one.toString('hex'))
      expect([secret, ...bytes].filter((form) => kept.includes(form))).toEqual([])
      expect(api.logged.join('\n')).not.toContain(secret)
    }
  })

  test('an account with the same address is not taken over, in whatever case it is written', async () => {
    const owner = await api.signUp()
    newcomer(provider, { email: owner.user!.email.toUpperCase() })
    const who = browser(api)
    expect(codeOf(await signInAt(who, provider, id))).toEqual([409, 'identity-not-linked'])
    expect(who.cookies.size).toBe(0)
    const [row] = await database.asSuperuser(
      `select details from nora.audit_log where event_type = 'SIGN_IN_FAILED' order by seq desc limit 1`,
    )
    expect(row).toEqual({ details: { provider: id, reason: 'identity-not-linked' } })
  })

  test('an address that the provider has not verified makes no account', async () => {
    newcomer(provider, { verified: false })
    expect(codeOf(await signInAt(browser(api), provider, id))).toEqual([422, 'identity-email-missing'])
  })

  test('who is disabled is told so and gets in nowhere', async () => {
    newcomer(provider)
    const who = browser(api)
    await signInAt(who, provider, id)
    await database.asSuperuser('update nora.users set disabled_at = now() where id = $1', [who.user!.id])
    expect(codeOf(await signInAt(browser(api), provider, id))).toEqual([403, 'account-disabled'])
  })
})

test('an ES256 signature does as well as an RS256 one', async () => {
  provider.behave({ idToken: (claims, { ec }) => jws({ alg: 'ES256', kid: 'two' }, claims, ec.privateKey) })
  newcomer(provider)
  expect((await signInAt(browser(api), provider)).status).toBe(302)
  provider.behave({})
})

test('two first sign-ins of one person at once make one account', async () => {
  newcomer(provider)
  const all = [browser(api), browser(api), browser(api), browser(api)]
  await Promise.all(all.map((who) => signInAt(who, provider)))
  expect(new Set(all.map((who) => who.user!.id)).size).toBe(1)
})

test('who is being disabled gets no session that would be live once they are enabled again', async () => {
  newcomer(provider)
  const [who, again] = [browser(api), browser(api)]
  await signInAt(who, provider)
  const back = await provider.visit(await begin(again))
  const admin = new pg.Client(database.superuserUrl)
  await admin.connect()
  try {
    await admin.query('begin')
    await admin.query('update nora.users set disabled_at = now() where id = $1', [who.user!.id])
    let answered = false
    const answer = comeBack(again, back).finally(() => {
      answered = true
    })
    await waitUntil('a sign-in that waits', async () => {
      const waiting = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
      return answered || (await database.asSuperuser(waiting)).length > 0
    })
    await admin.query('commit')
    expect(codeOf(await answer)).toEqual([403, 'account-disabled'])
  } finally {
    await admin.end()
  }
})

test('a returnTo that is no path of this server begins nothing', async () => {
  for (const bad of [
    'https://evil.test',
    '//evil.test',
    '/\\evil.test',
    '/%5cevil',
    'x',
    '',
    '/a\tb',
    '/ü',
    '/\u0000',
  ]) {
    const path = `/api/auth/oauth/oidc/start?returnTo=${bad === '/%5cevil' ? '%2F%5Cevil' : encodeURIComponent(bad)}`
    const answer = await browser(api).get(path)
    expect([bad, answer.status]).toEqual([bad, 400])
  }
})

test('an unknown provider is like none', async () => {
  for (const path of ['start', 'callback']) {
    expect(codeOf(await browser(api).get(`/api/auth/oauth/nobody/${path}`))).toEqual([404, 'not-found'])
  }
})

describe('with sign-up closed', () => {
  test('who has an account signs in, and nobody gets a new one', async () => {
    newcomer(provider)
    await signInAt(browser(api), provider)
    const config = { signInProviders, signInAllowHosts, signupEnabled: false }
    const closed = await startApi(database, redis, {
      config,
      deps: { capabilitySeed: api.deps.capabilitySeed },
    })
    try {
      expect((await signInAt(browser(closed), provider)).status).toBe(302)
      newcomer(provider)
      expect(codeOf(await signInAt(browser(closed), provider))).toEqual([403, 'signup-disabled'])
    } finally {
      await closed.close()
    }
  })
})

test('an api with another capability key is told nothing, and says in its log what to do', async () => {
  const other = await startApi(database, redis, { config: { signInProviders, signInAllowHosts } })
  try {
    const answer = await browser(other).get('/api/auth/oauth/oidc/start')
    expect(codeOf(answer)).toEqual([503, 'unavailable'])
    expect(other.logged.join()).toContain('docs/rotation.md')
  } finally {
    await other.close()
  }
})
