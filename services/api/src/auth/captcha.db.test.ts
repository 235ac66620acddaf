import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseAllowedHost } from '@nora/config/provider-hosts'
import { ownMs } from '@nora/testing/own-time'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { captchaStandIn, goodAnswer } from '../testing/captcha-stand-in.ts'
import { password, setupToken, startApi, type TestApi } from '../testing/test-api.ts'

const database = testDatabase()
const redis = testRedis()
const provider = captchaStandIn()
const secret = '0x4TheSecretOfThisTest-Kq7mZt2'
const loopback = parseAllowedHost('127.0.0.1')!
const opened: TestApi[] = []
let api: TestApi
let people = 0

async function open(
  change: { verifyUrl?: string; provider?: 'turnstile' | 'recaptcha-v3' } = {},
  allowed = true,
) {
  const started = await startApi(database, redis, {
    config: {
      providerAllowHosts: allowed ? [loopback] : [],
      botProtection: {
        provider: 'turnstile',
        siteKey: '0x4TheSiteKey',
        secret,
        verifyUrl: provider.url,
        minScore: 0.5,
        ...change,
      },
    },
  })
  opened.push(started)
  return started
}

beforeAll(async () => {
  api = await open()
})
afterAll(async () => {
  for (const one of opened) await one.close()
})

/** Signs somebody new up; gives the status, and the reason when it was refused. */
async function signUp(captchaToken: string | undefined, at = api) {
  const email = `captcha-${people++}@nora.test`
  const answer = await at.anonymous.post('/api/auth/signup', { email, password, setupToken, captchaToken })
  const [made] = await database.asSuperuser('select 1 from nora.users where email = $1', [email])
  expect(made !== undefined, 'an account was made').toBe(answer.status === 202)
  if (answer.status === 422) expect(answer.body.code).toBe('captcha-failed')
  return { status: answer.status, reason: answer.body.reason, correlationId: answer.body.correlationId }
}

const refused = (reason: string) => expect.objectContaining({ status: 422, reason })

describe('signing up with a CAPTCHA', () => {
  test('works with a token that the provider vouches for, and sends it what it asks for and no more', async () => {
    expect(await signUp('token-one')).toMatchObject({ status: 202 })
    expect(provider.asked).toEqual([{ secret, response: 'token-one' }])
  })

  test('without a token asks nobody', async () => {
    expect(await signUp(undefined)).toEqual(refused('missing'))
    expect(provider.asked).toEqual([])
  })

  test('a closed server and a wrong setup token ask nobody either', async () => {
    const fresh = await startApi(database, redis, {
      config: { ...api.deps.config, signupEnabled: false },
    })
    opened.push(fresh)
    const answer = await fresh.anonymous.post('/api/auth/signup', {
      email: 'closed@nora.test',
      password,
      captchaToken: 'closed',
    })
    expect(answer.body.code).toBe('signup-disabled')
    expect(provider.asked).toEqual([])
  })

  test.each<[string, Record<string, unknown>]>([
    ['the provider refuses', { success: false, 'error-codes': ['invalid-input-response'] }],
    ['a hostname of somebody else', { ...goodAnswer(), hostname: 'evil.test' }],
    ['another action', { ...goodAnswer(), action: 'login' }],
    [
      'a challenge of ten minutes ago',
      { ...goodAnswer(), challenge_ts: new Date(Date.now() - 600_000).toISOString() },
    ],
    ['JSON that is no answer', {}],
  ])('is refused: %s', async (name, answer) => {
    provider.answers(answer)
    expect(await signUp(name)).toEqual(refused('refused'))
  })

  test('takes a token once, whatever the provider says, and in a race too', async () => {
    expect(await signUp('again')).toMatchObject({ status: 202 })
    expect(await signUp('again')).toEqual(refused('refused'))
    const racing = await Promise.all(Array.from({ length: 5 }, () => signUp('race')))
    expect(racing.map(({ status }) => status).sort()).toEqual([202, 422, 422, 422, 422])
    const other = await open()
    expect(await signUp('race', other)).toEqual(refused('refused'))
  })

  test('a token that was refused may come again when the provider has changed its mind', async () => {
    provider.answers({ success: false })
    expect(await signUp('twice')).toEqual(refused('refused'))
    provider.answers(goodAnswer())
    expect(await signUp('twice')).toMatchObject({ status: 202 })
  })

  test('with reCAPTCHA v3 needs its score', async () => {
    const v3 = await open({ provider: 'recaptcha-v3' })
    provider.answers({ ...goodAnswer(), score: 0.4 })
    expect(await signUp('low', v3)).toEqual(refused('refused'))
    provider.answers({ ...goodAnswer(), score: 0.6 })
    expect(await signUp('high', v3)).toMatchObject({ status: 202 })
  })
})

describe('a provider that cannot be asked lets nobody in', () => {
  const unreachable = refused('provider-unreachable')

  test('one that never answers, and one that never ends, within six seconds', async () => {
    provider.answers((request, response) => {
      if (request.url?.endsWith('?mute')) return
      response.writeHead(200, { 'content-type': 'application/json' })
      const drip = setInterval(() => response.write(' '), 200)
      response.on('close', () => clearInterval(drip))
    })
    const [mute, dripping] = [await open({ verifyUrl: `${provider.url}?mute` }), await open()]
    const both = async () =>
      expect(await Promise.all([signUp('mute', mute), signUp('drip', dripping)])).toEqual([
        unreachable,
        unreachable,
      ])
    expect(await ownMs(both)).toBeLessThan(6_000)
  })

  test.each<[string, Parameters<typeof provider.answers>[0]]>([
    ['garbage', (_, response) => response.end('<html>secret words</html>')],
    ['half an answer', (_, response) => response.end('{"success":true,')],
    ['nothing', (_, response) => response.end()],
    [
      'a huge answer',
      (_, response) => response.end(JSON.stringify({ ...goodAnswer(), x: 'x'.repeat(100_000) })),
    ],
    ['an error', (_, response) => response.writeHead(500).end(JSON.stringify(goodAnswer()))],
    ['no content', (_, response) => response.writeHead(204).end()],
    ['a broken connection', (request) => void request.socket.destroy()],
    [
      'another protocol',
      (_, response) => response.writeHead(101, { upgrade: 'x', connection: 'upgrade' }).end(),
    ],
  ])('%s', async (name, answer) => {
    provider.answers(answer)
    expect(await signUp(name)).toEqual(unreachable)
    expect(api.logged.join('\n')).not.toContain('secret words')
  })

  test('a redirect is followed nowhere', async () => {
    let followed = 0
    const elsewhere = createServer((_, response) => {
      followed++
      response.end(JSON.stringify(goodAnswer()))
    }).listen(0, '127.0.0.1')
    await once(elsewhere, 'listening')
    const location = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`
    for (const status of [301, 302, 303, 307, 308]) {
      provider.answers((_, response) => response.writeHead(status, { location }).end())
      expect(await signUp(`redirect-${status}`)).toEqual(unreachable)
    }
    elsewhere.close()
    expect(followed).toBe(0)
  })

  test('an address that nobody listens on, and one inside our own network that the operator did not allow', async () => {
    const closed = createServer().listen(0, '127.0.0.1')
    await once(closed, 'listening')
    const { port } = closed.address() as AddressInfo
    await new Promise((resolve) => closed.close(resolve))
    expect(await signUp('closed', await open({ verifyUrl: `http://127.0.0.1:${port}/` }))).toEqual(
      unreachable,
    )
    expect(await signUp('private', await open({}, false))).toEqual(unreachable)
    const metadata = await open({ verifyUrl: 'https://169.254.169.254/siteverify' })
    expect(await signUp('metadata', metadata)).toEqual(unreachable)
    expect(provider.asked).toEqual([])
  })
})

test('what failed is audited with its reason and its caller, and token and secret are nowhere', async () => {
  provider.answers({ ...goodAnswer(), hostname: 'evil.test', cdata: 'their words' })
  const { correlationId } = await signUp('a-token-of-somebody')
  const rows = await database.asSuperuser<{ row: string }>(
    `select event_type, actor_kind, host(ip) as ip, details, a::text as row from nora.audit_log a where correlation_id = $1`,
    [correlationId],
  )
  expect(rows).toMatchObject([
    {
      event_type: 'CAPTCHA_FAILED',
      actor_kind: 'anonymous',
      ip: '127.0.0.1',
      details: { provider: 'turnstile', reason: 'refused', fault: 'another hostname' },
    },
  ])
  const said = rows[0]!.row + opened.map(({ logged }) => logged.join('\n')).join('\n')
  for (const never of ['a-token-of-somebody', secret, 'their words']) expect(said).not.toContain(never)
})

test('a secret that the provider does not know is an alert for the operator', async () => {
  provider.answers({ success: false, 'error-codes': ['invalid-input-secret'] })
  expect(await signUp('any')).toEqual(refused('refused'))
  expect(api.logged.join('\n')).toContain('captcha-misconfigured')
})

describe('what a sign-up page is told', () => {
  test('which widget to show, and not the secret', async () => {
    const { status, body, text } = await api.anonymous.get('/api/auth/signup-options')
    expect([status, body]).toEqual([
      200,
      { signupEnabled: true, captcha: { provider: 'turnstile', siteKey: '0x4TheSiteKey', action: 'signup' } },
    ])
    expect(text).not.toContain(secret)
  })

  test('that there is none; a token sent all the same is overlooked', async () => {
    const plain = await startApi(database, redis, { config: { signupEnabled: true } })
    opened.push(plain)
    const { body } = await plain.anonymous.get('/api/auth/signup-options')
    expect(body).toEqual({ signupEnabled: true, captcha: null })
    expect(await signUp('unasked', plain)).toMatchObject({ status: 202 })
    expect(provider.asked).toEqual([])
  })
})
