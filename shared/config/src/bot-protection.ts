import { type AllowedHost, isAllowedHost } from './provider-hosts.ts'
import type { Reader } from './reader.ts'
import type { VariableName } from './variables.ts'

/** The CAPTCHA that sign-up asks for. */
export type BotProtection = {
  provider: 'turnstile' | 'recaptcha' | 'recaptcha-v3'
  siteKey: string
  secret: string
  /** Where its tokens are verified. */
  verifyUrl: string
  /** The least score (0 to 1) of reCAPTCHA v3. */
  minScore: number
}

const providers = ['none', 'turnstile', 'recaptcha', 'recaptcha-v3'] as const
const recaptcha = {
  siteKey: 'SIGNUP_RECAPTCHA_SITE_KEY',
  secret: 'SIGNUP_RECAPTCHA_SECRET',
  url: 'https://www.google.com/recaptcha/api/siteverify',
} as const
const facts = {
  turnstile: {
    siteKey: 'SIGNUP_TURNSTILE_SITE_KEY',
    secret: 'SIGNUP_TURNSTILE_SECRET',
    url: 'https://challenges.cloudflare.com/turnstile/v0/siteverify',
  },
  recaptcha,
  'recaptcha-v3': recaptcha,
} as const satisfies Record<string, { siteKey: VariableName; secret: VariableName; url: string }>

// Both providers publish keys for tests that let everybody pass, or nobody.
const testKeys = /^[123]x0{20}|^6LeIxAcTAAAAA/

/**
 * SIGNUP_BOT_PROTECTION_PROVIDER and what belongs to it; undefined when it is `none`. Keys of a provider that is not
 * chosen are read by nobody.
 */
export function readBotProtection(
  reader: Reader,
  allowHosts: readonly AllowedHost[],
): BotProtection | undefined {
  const provider = reader.oneOf('SIGNUP_BOT_PROTECTION_PROVIDER', providers, 'none')
  const minScore = reader.number('SIGNUP_RECAPTCHA_MIN_SCORE', 0.5, { min: 0, max: 1, integer: false })
  if (provider === 'none') return undefined
  const { siteKey, secret, url } = facts[provider]
  return {
    provider,
    siteKey: readKey(reader, siteKey, provider),
    secret: readKey(reader, secret, provider),
    verifyUrl: readVerifyUrl(reader, allowHosts) ?? url,
    minScore,
  }
}

function readKey(reader: Reader, name: VariableName, provider: string): string {
  const how = `copy it from your ${provider === 'turnstile' ? 'Turnstile' : 'reCAPTCHA'} site's settings`
  const value = reader.required(name, how) ?? ''
  if (value !== '' && !/^[\w.-]{1,200}$/.test(value)) {
    reader.problem(name, `has characters that no such key has: ${how}`)
  } else if (reader.production && /^change-?me/i.test(value)) {
    reader.problem(name, `is a placeholder: ${how}`)
  } else if (reader.production && testKeys.test(value)) {
    reader.problem(name, `is a key for tests, which proves nothing: ${how}`)
  }
  return value
}

function readVerifyUrl(reader: Reader, allowHosts: readonly AllowedHost[]): string | undefined {
  const name = 'SIGNUP_BOT_PROTECTION_VERIFY_URL'
  const text = reader.raw(name)
  if (text === undefined) return undefined
  const url = URL.canParse(text) ? new URL(text) : undefined
  const web = url && ['http:', 'https:'].includes(url.protocol) && !url.username && !url.password && !url.hash
  if (!web) {
    reader.problem(name, 'must be an https URL without a user name; leave it empty for the provider’s own')
    return undefined
  }
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
  if (url.protocol === 'http:' && !isAllowedHost(allowHosts, url.hostname, port)) {
    reader.problem(name, 'is plain http: use https, or list its host in NORA_PROVIDER_ALLOW_HOSTS')
  }
  return url.href
}
