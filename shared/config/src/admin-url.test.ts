import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { loadApiConfig } from './api.ts'

const key = () => randomBytes(32).toString('base64url')
const hex = () => randomBytes(32).toString('hex')
const env = {
  DATABASE_URL: `postgres://nora_app:${hex()}@127.0.0.1:5432/nora`,
  REDIS_URL: '/run/nora/redis/redis.sock',
  JWT_SECRET: hex(),
  NORA_SEAL_KEY: `nsk1.1.${key()}.${key()}`,
  NORA_CAPABILITY_PRIVATE_KEY: key(),
}
const away = { ...env, NORA_PUBLIC_URL: 'https://nora.org' }

test.each([
  ['on loopback it is the public one', env, 'http://localhost:8080'],
  ['on a server that others reach there is none', away, undefined],
  [
    'there it is one of its own',
    { ...away, NORA_ADMIN_URL: 'https://admin.nora.org/' },
    'https://admin.nora.org',
  ],
  [
    'on loopback too',
    { ...env, NORA_ADMIN_URL: 'http://admin.localhost:8080' },
    'http://admin.localhost:8080',
  ],
  ['outside production it is the public one', { ...away, NODE_ENV: 'development' }, 'https://nora.org'],
])('%s', (_, given, expected) => {
  expect(loadApiConfig(given).adminUrl).toBe(expected)
})

test.each([
  ['https://nora.org', 'must be on another host than NORA_PUBLIC_URL'],
  ['https://nora.org:8443', 'must be on another host than NORA_PUBLIC_URL'],
  ['http://admin.nora.org', 'is plain http and not loopback'],
  ['https://admin.nora.org/app', 'must be an origin'],
  ['admin.nora.org', 'must be an origin'],
])('%s is refused in production', (url, problem) => {
  expect(() => loadApiConfig({ ...away, NORA_ADMIN_URL: url })).toThrow(`NORA_ADMIN_URL ${problem}`)
})
