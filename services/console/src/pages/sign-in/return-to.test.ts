import { expect, test } from 'vitest'
import { backFromProvider, ownPath } from './return-to.ts'

test.each(['/', '/account/sessions', '/w/1/agents?state=running#top', '/invitation#token=a-b_c'])(
  'goes back to a page of our own: %s',
  (path) => {
    expect(ownPath(path)).toBe(path)
  },
)

test.each([
  null,
  '',
  'agents',
  '//evil.test',
  '/\\evil.test',
  '/a\\b',
  '/.//evil.test',
  '/x/..//evil.test',
  '/%0a/../..//evil.test',
  'https://evil.test/',
  'javascript:alert(1)',
  '/\t/evil.test',
  '/ /evil.test',
  '/sign-in?returnTo=/sign-in',
  '/api/auth/oauth/oidc/start',
])('leads nowhere else: %j', (given) => {
  expect(ownPath(given)).toBe('/')
})

test('a round trip to a provider ends at the sign-in, and takes a path along that is not too long', () => {
  expect(backFromProvider('/')).toBe('/sign-in?via=provider')
  expect(backFromProvider('/w/1?q=a')).toBe('/sign-in?via=provider&returnTo=%2Fw%2F1%3Fq%3Da')
  expect(backFromProvider(`/w/${'a'.repeat(500)}`)).toBe('/sign-in?via=provider')
})
