import { createVerify, generateKeyPairSync } from 'node:crypto'
import { integrationCatalog } from '@nora/contract/integration-catalog'
import { expect, test } from 'vitest'
import { type Asked, type Said, standIn } from './testing/stand-in.ts'

const it = standIn()
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const serviceAccountJson = JSON.stringify({
  type: 'service_account',
  client_email: 'robot@project.iam.gserviceaccount.com',
  private_key: rsa.privateKey.export({ format: 'pem', type: 'pkcs8' }),
  token_uri: 'https://evil.example/token',
})
const unauthorized: Said = { status: 401, json: { message: 'Bad credentials' } }
const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`

type Service = {
  secret: Record<string, string>
  /** The one request that this service takes. */
  takes: (asked: Asked) => boolean
  good?: Said
  wrong?: Said
}
const by =
  (line: string, headers: Record<string, string>) =>
  (asked: Asked): boolean =>
    `${asked.method} ${asked.path}` === line &&
    Object.entries(headers).every(([name, value]) => asked.headers[name] === value)

const services: Record<string, Service> = {
  github: {
    secret: { token: 'ghp_x' },
    takes: by('GET /user', { authorization: 'Bearer ghp_x', 'user-agent': 'nora' }),
  },
  gitlab: { secret: { token: 'glpat-x' }, takes: by('GET /user', { 'private-token': 'glpat-x' }) },
  slack: {
    secret: { botToken: 'xoxb-x' },
    takes: by('POST /auth.test', { authorization: 'Bearer xoxb-x' }),
    good: { status: 200, json: { ok: true } },
    wrong: { status: 200, json: { ok: false, error: 'invalid_auth' } },
  },
  discord: { secret: { botToken: 'x.y.z' }, takes: by('GET /users/@me', { authorization: 'Bot x.y.z' }) },
  telegram: {
    secret: { botToken: '123:abc' },
    takes: by('GET /bot123:abc/getMe', {}),
    wrong: { status: 404, json: { ok: false } },
  },
  notion: {
    secret: { token: 'ntn_x' },
    takes: by('GET /users/me', { authorization: 'Bearer ntn_x', 'notion-version': '2022-06-28' }),
  },
  linear: {
    secret: { apiKey: 'lin_api_x' },
    takes: (asked) =>
      by('POST /graphql', { authorization: 'lin_api_x' })(asked) && asked.body.includes('viewer'),
    good: { status: 200, json: { data: { viewer: { id: 'u' } } } },
    wrong: { status: 400, json: { errors: [{ message: 'Authentication required' }] } },
  },
  jira: {
    secret: { email: 'ä@example.com', apiToken: 't' },
    takes: by('GET /rest/api/3/myself', { authorization: basic('ä@example.com:t') }),
  },
  airtable: { secret: { token: 'pat.x' }, takes: by('GET /meta/whoami', { authorization: 'Bearer pat.x' }) },
  twilio: {
    secret: { accountSid: 'AC1', authToken: 't' },
    takes: by('GET /Accounts/AC1/Messages.json', { authorization: basic('AC1:t') }),
  },
  sendgrid: { secret: { apiKey: 'SG.x' }, takes: by('GET /scopes', { authorization: 'Bearer SG.x' }) },
  stripe: { secret: { apiKey: 'rk_x' }, takes: by('GET /balance', { authorization: 'Bearer rk_x' }) },
  supabase: {
    secret: { apiKey: 'sb_secret_x' },
    takes: by('GET /auth/v1/settings', { apikey: 'sb_secret_x' }),
  },
  cloudflare: {
    secret: { token: 'cf', accountId: 'acc' },
    takes: by('GET /accounts/acc/tokens/verify', { authorization: 'Bearer cf' }),
  },
  huggingface: { secret: { token: 'hf_x' }, takes: by('GET /whoami-v2', { authorization: 'Bearer hf_x' }) },
  'google-service-account': {
    secret: { serviceAccountJson },
    takes: (asked) => {
      const form = new URLSearchParams(asked.body)
      const [head, claims, signature] = (form.get('assertion') ?? '').split('.') as [string, string, string]
      const said = JSON.parse(Buffer.from(claims, 'base64url').toString())
      return (
        `${asked.method} ${asked.path}` === 'POST /token' &&
        form.get('grant_type') === 'urn:ietf:params:oauth:grant-type:jwt-bearer' &&
        said.iss === 'robot@project.iam.gserviceaccount.com' &&
        said.aud === 'https://oauth2.googleapis.com/token' &&
        createVerify('RSA-SHA256').update(`${head}.${claims}`).verify(rsa.publicKey, signature, 'base64url')
      )
    },
    good: { status: 200, json: { access_token: 'at' } },
    wrong: { status: 400, json: { error: 'invalid_grant' } },
  },
}
const another: Record<string, string> = {
  telegram: '123:another',
  'google-service-account': JSON.stringify({
    client_email: 'robot@project.iam.gserviceaccount.com',
    private_key: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
      format: 'pem',
      type: 'pkcs8',
    }),
  }),
}

test('every service that the catalogue says can be tried is tried here, but the two that are no HTTP', () => {
  const testable = integrationCatalog.filter((entry) => entry.test !== null).map((entry) => entry.provider)
  expect([...Object.keys(services), 'smtp', 'postgres'].sort()).toEqual([...testable].sort())
})

test.each(Object.entries(services))(
  '%s is asked as it wants to be, and a wrong secret is refused',
  async (name, service) => {
    it.answer = (asked) =>
      service.takes(asked) ? (service.good ?? { status: 200, json: {} }) : (service.wrong ?? unauthorized)
    expect(await it.tryOut('integration', name, service.secret)).toEqual({
      outcome: 'works',
      reason: `127.0.0.1:${it.port} accepted the key`,
    })
    const secretField = integrationCatalog
      .find((entry) => entry.provider === name)!
      .fields.find((field) => field.secret && service.secret[field.name])!
    const wrong = { ...service.secret, [secretField.name]: another[name] ?? 'wrong' }
    const refused = await it.tryOut('integration', name, wrong)
    expect(refused).toMatchObject({ outcome: 'refused', reason: expect.stringContaining('refused the key') })
  },
)

test('an API key of Twilio’s signs for the account that stands beside it', async () => {
  it.answer = (asked) =>
    by('GET /Accounts/AC1/Messages.json', { authorization: basic('SK1:s') })(asked)
      ? { status: 200 }
      : unauthorized
  const secret = { accountSid: 'AC1', apiKeySid: 'SK1', apiKeySecret: 's' }
  expect((await it.tryOut('integration', 'twilio', secret)).outcome).toBe('works')
})

test('what an answer says is never repeated', async () => {
  for (const [name, service] of Object.entries(services)) {
    it.answer = (asked) => ({ status: 400, json: { ok: false, error: asked.headers, body: asked.body } })
    const result = await it.tryOut('integration', name, service.secret)
    for (const value of Object.values(service.secret)) {
      if (value.length > 3) expect(JSON.stringify([result, it.logged])).not.toContain(value)
    }
  }
})

test('a key file that is none, and a service without a call that tells', async () => {
  const file = await it.tryOut('integration', 'google-service-account', { serviceAccountJson: '[1]' })
  expect(file.reason).toContain('not a service account')
  const bot = await it.tryOut('integration', 'telegram', { botToken: '123:abc/../x' })
  expect(bot.reason).toContain('no bot can have')
  const bearer = await it.tryOut('integration', 'bearer', { token: 'x' })
  expect(bearer.reason).toContain('no call that would tell')
  expect(it.asked).toEqual([])
})

test('a secret stays below the path of its own base URL', async () => {
  it.answer = (asked) => ({ status: asked.path === '/api/v3/user' ? 200 : 404 })
  expect((await it.tryOut('integration', 'github', { token: 'x' }, '/api/v3/')).outcome).toBe('works')
})
