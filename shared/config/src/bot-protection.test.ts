import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { readBotProtection } from './bot-protection.ts'
import { ConfigError, createReader, type Environment } from './reader.ts'
import { readAllowHosts } from './secret-policy.ts'

const key = () => `0x4${randomBytes(16).toString('base64url')}`
const turnstile = {
  SIGNUP_BOT_PROTECTION_PROVIDER: 'turnstile',
  SIGNUP_TURNSTILE_SITE_KEY: key(),
  SIGNUP_TURNSTILE_SECRET: key(),
}
const recaptcha = { SIGNUP_RECAPTCHA_SITE_KEY: key(), SIGNUP_RECAPTCHA_SECRET: key() }

function read(env: Environment) {
  const reader = createReader(env, 'api')
  return reader.finish<{ found: ReturnType<typeof readBotProtection> }>({
    found: readBotProtection(reader, readAllowHosts(reader)),
  }).found
}

function problems(env: Environment): string {
  try {
    read(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.join('\n')
    throw error
  }
  return ''
}

test('is off unless it is chosen, also with keys', () => {
  expect(read({})).toBeUndefined()
  expect(read({ ...turnstile, SIGNUP_BOT_PROTECTION_PROVIDER: 'none' })).toBeUndefined()
  expect(read({ ...turnstile, SIGNUP_BOT_PROTECTION_PROVIDER: '' })).toBeUndefined()
})

test('reads the keys of the provider that is chosen, and asks at its own address', () => {
  expect(read(turnstile)).toEqual({
    provider: 'turnstile',
    siteKey: turnstile.SIGNUP_TURNSTILE_SITE_KEY,
    secret: turnstile.SIGNUP_TURNSTILE_SECRET,
    verifyUrl: 'https://challenges.cloudflare.com/turnstile/v0/siteverify',
    minScore: 0.5,
  })
  const chosen = {
    ...recaptcha,
    SIGNUP_BOT_PROTECTION_PROVIDER: 'recaptcha-v3',
    SIGNUP_RECAPTCHA_MIN_SCORE: '0.7',
  }
  expect(read(chosen)).toMatchObject({
    provider: 'recaptcha-v3',
    secret: recaptcha.SIGNUP_RECAPTCHA_SECRET,
    verifyUrl: 'https://www.google.com/recaptcha/api/siteverify',
    minScore: 0.7,
  })
})

test.each<[Environment, string]>([
  [
    { SIGNUP_BOT_PROTECTION_PROVIDER: 'hcaptcha' },
    'SIGNUP_BOT_PROTECTION_PROVIDER must be one of none, turnstile',
  ],
  [{ SIGNUP_BOT_PROTECTION_PROVIDER: 'Turnstile' }, 'SIGNUP_BOT_PROTECTION_PROVIDER must be one of'],
  [{ SIGNUP_TURNSTILE_SECRET: '' }, 'SIGNUP_TURNSTILE_SECRET is missing'],
  [{ SIGNUP_TURNSTILE_SITE_KEY: '' }, 'SIGNUP_TURNSTILE_SITE_KEY is missing'],
  [{ SIGNUP_BOT_PROTECTION_PROVIDER: 'recaptcha' }, 'SIGNUP_RECAPTCHA_SECRET is missing'],
  [{ SIGNUP_TURNSTILE_SECRET: 'change-me' }, 'SIGNUP_TURNSTILE_SECRET is a placeholder'],
  [{ SIGNUP_TURNSTILE_SECRET: '1x0000000000000000000000000000000AA' }, 'is a key for tests'],
  [{ SIGNUP_TURNSTILE_SITE_KEY: '3x00000000000000000000FF' }, 'is a key for tests'],
  [{ SIGNUP_TURNSTILE_SECRET: 'two words' }, 'has characters that no such key has'],
  [{ SIGNUP_RECAPTCHA_MIN_SCORE: '2' }, 'SIGNUP_RECAPTCHA_MIN_SCORE must be a number from 0 to 1'],
  [{ SIGNUP_BOT_PROTECTION_VERIFY_URL: 'challenges.test/verify' }, 'must be an https URL'],
  [{ SIGNUP_BOT_PROTECTION_VERIFY_URL: 'ftp://challenges.test/' }, 'must be an https URL'],
  [{ SIGNUP_BOT_PROTECTION_VERIFY_URL: 'https://user:pass@challenges.test/' }, 'must be an https URL'],
  [{ SIGNUP_BOT_PROTECTION_VERIFY_URL: 'http://127.0.0.1:9000/' }, 'is plain http'],
])('refuses %o', (change, problem) => {
  const said = problems({ ...turnstile, ...change })
  expect(said).toContain(problem)
  for (const value of Object.values(change)) if (value && value.length > 9) expect(said).not.toContain(value)
})

test('takes another address, and plain http to a host that the operator allows', () => {
  const there = {
    ...turnstile,
    SIGNUP_BOT_PROTECTION_VERIFY_URL: 'https://www.recaptcha.net/recaptcha/api/siteverify',
  }
  expect(read(there)?.verifyUrl).toBe(there.SIGNUP_BOT_PROTECTION_VERIFY_URL)
  const near = {
    ...turnstile,
    SIGNUP_BOT_PROTECTION_VERIFY_URL: 'http://127.0.0.1:9000/verify',
    NORA_PROVIDER_ALLOW_HOSTS: '127.0.0.1:9000',
  }
  expect(read(near)?.verifyUrl).toBe('http://127.0.0.1:9000/verify')
  expect(problems({ ...near, NORA_PROVIDER_ALLOW_HOSTS: '127.0.0.1:9001' })).toContain('is plain http')
})

test('keys for tests serve where tests run', () => {
  const env = {
    ...turnstile,
    SIGNUP_TURNSTILE_SECRET: '1x0000000000000000000000000000000AA',
    NODE_ENV: 'test',
  }
  expect(read(env)?.secret).toBe(env.SIGNUP_TURNSTILE_SECRET)
})
