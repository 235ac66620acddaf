import { describe, expect, test } from 'vitest'
import { pagePolicy } from './page-policy.ts'

const config = {
  publicUrl: 'https://nora.test',
  adminUrl: 'https://admin.nora.test',
  botProtection: undefined,
}
const protectedBy = (provider: 'turnstile' | 'recaptcha') =>
  ({ ...config, botProtection: { provider } }) as Parameters<typeof pagePolicy>[0]
const policyOf = (
  settings: Parameters<typeof pagePolicy>[0],
  path: string,
  app: 'console' | 'admin' = 'console',
) =>
  Object.fromEntries(
    pagePolicy(settings, { app, path }, 'NONCE')
      .split('; ')
      .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]),
  )

test('a page may use our own files, styles with its nonce, and our own sockets', () => {
  expect(policyOf(config, '/sign-in')).toEqual({
    'default-src': "'none'",
    'script-src': "'self'",
    'style-src': "'self' 'nonce-NONCE'",
    'img-src': "'self'",
    'font-src': "'self'",
    'connect-src': "'self' wss://nora.test",
    'form-action': "'self'",
    'base-uri': "'none'",
    'frame-ancestors': "'none'",
  })
  expect(policyOf(config, '/admin/', 'admin')['connect-src']).toBe("'self' wss://admin.nora.test")
})

describe('where sign-up asks for a CAPTCHA, its provider is let in', () => {
  test.each(['/sign-up', '/claim'])('at %s', (path) => {
    const policy = policyOf(protectedBy('turnstile'), path)
    expect(policy['script-src']).toBe("'self' https://challenges.cloudflare.com")
    expect(policy['frame-src']).toBe('https://challenges.cloudflare.com')
    expect(policyOf(protectedBy('recaptcha'), path)['script-src']).toContain(
      'https://www.google.com/recaptcha/',
    )
  })

  test.each(['/', '/sign-in', '/account', '/w/1/agents', '/sign-up/', '/claim.js'])(
    'and not at %s',
    (path) => {
      expect(policyOf(protectedBy('turnstile'), path)).toEqual(policyOf(config, path))
    },
  )

  test('and not on pages of admins', () => {
    expect(policyOf(protectedBy('turnstile'), '/sign-up', 'admin')['script-src']).toBe("'self'")
  })
})
