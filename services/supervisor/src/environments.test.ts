import { randomBytes, randomUUID } from 'node:crypto'
import { loadApiConfig } from '@nora/config/api'
import { loadMigrateConfig } from '@nora/config/migrate'
import { loadWorkerConfig } from '@nora/config/worker'
import { signCapability, verifyCapability } from '@nora/crypto/capability'
import { deriveSealing, parseSealKey } from '@nora/crypto/keys'
import { expect, test } from 'vitest'
import { buildEnvironments } from './environments.ts'

const hex = () => randomBytes(32).toString('hex')
const files = () => ({
  installation: {
    ...{ NORA_INSTALLATION_ID: randomUUID(), NORA_AGENT_NETWORK_POOL: '10.150.0.0/16' },
    ...{ NORA_PORT: '8081', NORA_WORKER_PORT: '7071' },
  },
  api: { JWT_SECRET: hex(), NORA_CAPABILITY_PRIVATE_KEY: randomBytes(32).toString('base64url') },
  worker: { ENCRYPTION_KEY: hex() } as Record<string, string>,
  migrate: {
    ...{ NORA_DB_PASSWORD_MIGRATOR: hex(), NORA_DB_PASSWORD_APP: hex() },
    NORA_DB_PASSWORD_WORKER: hex(),
  } as Record<string, string>,
  demo: {} as Record<string, string>,
})
const facts = {
  ...{ postgresPort: 5433, redisUrl: '/run/r.sock', engineSocket: '/var/run/docker.sock' },
  ...{ keysDir: '/run/nora/keys', workerDataDir: '/var/lib/nora/worker', code: '/opt/nora' },
}

test('each process boots in production on what it is given', () => {
  const made = buildEnvironments(files(), facts)
  expect(loadApiConfig(made.api).publicUrl).toBe('http://localhost:8081')
  expect(loadWorkerConfig(made.worker).url).toBe('http://127.0.0.1:7071')
  expect(loadMigrateConfig(made.migrate).nodeEnv).toBe('production')
})

test('the two halves of the capability belong together', () => {
  const made = buildEnvironments(files(), facts)
  const { capabilityPrivateKey } = loadApiConfig(made.api)
  const { capabilityPublicKeys } = loadWorkerConfig(made.worker)
  const now = Math.floor(Date.now() / 1000)
  const claims = { aud: 'worker', op: 'logs', sub: 'test', iat: now, exp: now + 30 } as const
  const token = signCapability(capabilityPrivateKey, claims)
  expect(verifyCapability(capabilityPublicKeys, token, { audience: 'worker' })).toMatchObject(claims)
})

test("the api's seal key follows the worker's key and its version through a rotation", () => {
  const given = files()
  given.worker['ENCRYPTION_KEYS_PREVIOUS'] = `1:retired,2:${hex()},3:retired`
  const made = buildEnvironments(given, facts)
  const seal = parseSealKey(made.api['NORA_SEAL_KEY'] as string)
  const worker = loadWorkerConfig(made.worker)
  expect(seal.version).toBe(worker.keyVersion)
  expect(seal.kid8).toEqual(deriveSealing(worker.encryptionKey, worker.keyVersion).openKey.kid8)
})

test("the demo's allowed host is added to the operator's, for both who judge destinations", () => {
  const given = files()
  given.demo = { NORA_PROVIDER_ALLOW_HOSTS: '172.17.0.1:4000' }
  const api = { ...given.api, NORA_PROVIDER_ALLOW_HOSTS: 'ollama.lan' }
  const made = buildEnvironments({ ...given, api }, facts)
  expect(made.api['NORA_PROVIDER_ALLOW_HOSTS']).toBe('ollama.lan,172.17.0.1:4000')
  expect(made.worker['NORA_PROVIDER_ALLOW_HOSTS']).toBe('ollama.lan,172.17.0.1:4000')
})

test('the worker checks passkeys for the address that the api has', () => {
  const urlOf = (api: object) =>
    loadWorkerConfig(buildEnvironments({ ...files(), api: { ...files().api, ...api } }, facts).worker)
      .publicUrl
  expect(urlOf({ NORA_PUBLIC_URL: 'https://nora.our-domain.org' })).toBe('https://nora.our-domain.org')
  expect(urlOf({})).toMatch(/^http:\/\/localhost:\d+$/)
})

test('the worker keeps its name over its lives, so that it may take its own leases back', () => {
  const given = files()
  const [first, second] = [buildEnvironments(given, facts), buildEnvironments(given, facts)]
  expect(loadWorkerConfig(first.worker).workerId).toBe(loadWorkerConfig(second.worker).workerId)
})

test('a missing secret is named with its file and the fix', () => {
  const given = files()
  delete given.migrate['NORA_DB_PASSWORD_APP']
  expect(() => buildEnvironments(given, facts)).toThrow(
    'NORA_DB_PASSWORD_APP is missing in migrate.env: run ./setup.sh again',
  )
})
