import { expect, test } from 'vitest'
import { createReader, type Environment } from './reader.ts'
import { readSignInAllowHosts, readSignInProviders } from './sign-in-providers.ts'

function read(env: Environment) {
  const reader = createReader(env, 'api')
  const value = {
    signInProviders: readSignInProviders(reader),
    signInAllowHosts: readSignInAllowHosts(reader),
  }
  return reader.finish<typeof value>(value)
}
const client = (prefix: string) => ({
  [`${prefix}_CLIENT_ID`]: 'an-id',
  [`${prefix}_CLIENT_SECRET`]: 'f2c19a7be04d',
})

test('nobody but us says who somebody is, unless the operator wants it', () => {
  expect(read({})).toEqual({ signInProviders: [], signInAllowHosts: [] })
})

test('reads GitHub, Google and an issuer', () => {
  const { signInProviders } = read({
    ...client('NORA_OAUTH_GITHUB'),
    ...client('NORA_OAUTH_GOOGLE'),
    ...client('NORA_OIDC'),
    NORA_OIDC_ISSUER: 'https://login.our-domain.org/realms/one',
    NORA_OIDC_NAME: 'Our house',
  })
  const given = { clientId: 'an-id', clientSecret: 'f2c19a7be04d' }
  expect(signInProviders).toEqual([
    {
      ...{ kind: 'github', id: 'github', name: 'GitHub', ...given },
      ...{ webUrl: 'https://github.com', apiUrl: 'https://api.github.com' },
    },
    { kind: 'oidc', id: 'google', name: 'Google', issuer: 'https://accounts.google.com', ...given },
    {
      ...{ kind: 'oidc', id: 'oidc', name: 'Our house', ...given },
      issuer: 'https://login.our-domain.org/realms/one',
    },
  ])
})

test('an Enterprise Server has its API beside its pages', () => {
  const env = { ...client('NORA_OAUTH_GITHUB'), NORA_OAUTH_GITHUB_URL: 'https://git.our-domain.org/' }
  expect(read(env).signInProviders[0]).toMatchObject({
    webUrl: 'https://git.our-domain.org',
    apiUrl: 'https://git.our-domain.org/api/v3',
  })
})

test('an issuer is kept to the letter, since it is compared as text', () => {
  const env = { ...client('NORA_OIDC'), NORA_OIDC_ISSUER: 'https://tenant.our-domain.org/' }
  expect(read(env).signInProviders[0]).toMatchObject({ issuer: 'https://tenant.our-domain.org/' })
})

test.each([
  [{ NORA_OAUTH_GITHUB_CLIENT_ID: 'x' }, 'NORA_OAUTH_GITHUB_CLIENT_SECRET is missing'],
  [{ NORA_OAUTH_GOOGLE_CLIENT_SECRET: 'x' }, 'NORA_OAUTH_GOOGLE_CLIENT_ID is missing'],
  [client('NORA_OIDC'), 'NORA_OIDC_ISSUER is missing'],
  [{ NORA_OIDC_ISSUER: 'https://a.org' }, 'NORA_OIDC_CLIENT_ID is missing'],
  [{ NORA_OIDC_ISSUER: 'http://a.org', ...client('NORA_OIDC') }, 'NORA_OIDC_ISSUER must be an https URL'],
  [{ NORA_OIDC_ISSUER: 'https://u:p@a.org', ...client('NORA_OIDC') }, 'NORA_OIDC_ISSUER must be'],
  [{ NORA_OAUTH_GITHUB_URL: 'git' }, 'NORA_OAUTH_GITHUB_URL must be'],
  [{ NORA_OAUTH_ALLOW_HOSTS: 'http://a' }, 'NORA_OAUTH_ALLOW_HOSTS must list'],
  [
    { NORA_OAUTH_GOOGLE_CLIENT_ID: 'x', NORA_OAUTH_GOOGLE_CLIENT_SECRET: 'change-me' },
    'NORA_OAUTH_GOOGLE_CLIENT_SECRET is a placeholder',
  ],
])('refuses %j', (env, problem) => {
  expect(() => read(env)).toThrow(problem)
})
