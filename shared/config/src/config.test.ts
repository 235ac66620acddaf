import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { loadApiConfig } from './api.ts'
import { loadMigrateConfig } from './migrate.ts'
import { isAllowedHost } from './provider-hosts.ts'
import { ConfigError, type Environment } from './reader.ts'
import { loadWorkerConfig } from './worker.ts'

const folder = mkdtempSync(join(tmpdir(), 'nora-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

const key = () => randomBytes(32).toString('base64url')
const hex = () => randomBytes(32).toString('hex')
const api = {
  DATABASE_URL: `postgres://nora_app:${hex()}@127.0.0.1:5432/nora`,
  REDIS_URL: '/run/nora/redis/redis.sock',
  JWT_SECRET: hex(),
  NORA_SEAL_KEY: `nsk1.1.${key()}.${key()}`,
  NORA_CAPABILITY_PRIVATE_KEY: key(),
}
const worker = {
  DATABASE_URL: `postgres://nora_worker:${hex()}@127.0.0.1:5432/nora`,
  REDIS_URL: 'redis://127.0.0.1:6379',
  ENCRYPTION_KEY: hex(),
  NORA_CAPABILITY_PUBLIC_KEY: key(),
  NORA_INSTALLATION_ID: randomUUID(),
  NORA_KEYS_DIR: '/run/nora/keys',
  NORA_DATA_DIR: '/var/lib/nora/worker',
}
const migrate = {
  DATABASE_URL: `postgres://nora_migrator:${hex()}@127.0.0.1:5432/nora`,
  NORA_DB_PASSWORD_APP: hex(),
  NORA_DB_PASSWORD_WORKER: hex(),
}

function problems(load: (env: Environment) => unknown, env: Environment): readonly string[] {
  try {
    load(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

test('good values load, frozen, with defaults', () => {
  const config = loadApiConfig(api)
  expect(Object.isFrozen(config)).toBe(true)
  expect(config).toMatchObject({
    nodeEnv: 'production',
    bind: '127.0.0.1',
    port: 8080,
    publicUrl: 'http://localhost:8080',
    enabledBackends: ['docker'],
    allowPlaintextSecrets: false,
  })
  expect(loadWorkerConfig(worker)).toMatchObject({
    ...{ url: 'http://127.0.0.1:7070', keyVersion: 1, gatewayDial: 'published' },
    images: { gateway: undefined, 'starter-agent': undefined },
  })
  expect(loadMigrateConfig(migrate).passwordApp).toBe(migrate.NORA_DB_PASSWORD_APP)
})

test('every problem is told at once, and none repeats a value', () => {
  const env = { ...api, JWT_SECRET: 'k3jf8Qw2', CORS_ORIGINS: '*', NORA_PORT: 'eighty', REDIS_URL: '' }
  const found = problems(loadApiConfig, env)
  expect(found).toHaveLength(4)
  expect(found.join()).not.toMatch(/k3jf8Qw2|eighty/)
  expect(found.find((line) => line.startsWith('JWT_SECRET'))).toContain('openssl rand -hex 32')
})

test.each([
  [{ JWT_SECRET: undefined }, 'JWT_SECRET is missing'],
  [{ JWT_SECRET: `${hex()},short` }, 'JWT_SECRET is shorter'],
  [{ JWT_SECRET: 'change-me-change-me-change-me-change-me' }, 'JWT_SECRET is a placeholder'],
  [{ JWT_SECRET: 'ab'.repeat(32) }, 'JWT_SECRET has too little entropy'],
  [{ CORS_ORIGINS: 'https://a.org,*' }, 'CORS_ORIGINS must list exact origins'],
  [{ CORS_ORIGINS: 'https://a.org/path' }, 'CORS_ORIGINS must list exact origins'],
  [{ NORA_ALLOW_PLAINTEXT_SECRETS: 'True' }, 'NORA_ALLOW_PLAINTEXT_SECRETS may only be `true`'],
  [{ NORA_ALLOW_PLAINTEXT_SECRETS: 'false' }, 'NORA_ALLOW_PLAINTEXT_SECRETS may only be `true`'],
  [{ NORA_PUBLIC_URL: 'http://nora.org' }, 'NORA_PUBLIC_URL is plain http'],
  [{ NORA_PUBLIC_URL: 'https://nora.org/app' }, 'NORA_PUBLIC_URL must be an origin'],
  [{ NORA_BIND: '0.0.0.0' }, 'NORA_PUBLIC_URL is missing'],
  [{ NORA_SEAL_KEY: 'nsk1.0.x.y' }, 'NORA_SEAL_KEY must read'],
  [{ NORA_CAPABILITY_PRIVATE_KEY: 'A'.repeat(43) }, 'NORA_CAPABILITY_PRIVATE_KEY has too little entropy'],
  [{ NORA_TRUST_PROXY: '0.0.0.0/0' }, 'NORA_TRUST_PROXY must not trust every address'],
  [{ NORA_TRUST_PROXY: '127.0.0.1, 128.0.0.0/1' }, 'NORA_TRUST_PROXY must not trust every address'],
  [{ NORA_TRUST_PROXY: '2000::/3' }, 'NORA_TRUST_PROXY must not trust every address'],
  [{ NORA_TRUST_PROXY: '::ffff:0:0/96' }, 'NORA_TRUST_PROXY must name an IPv4 address as IPv4'],
  [{ NORA_TRUST_PROXY: 'true' }, 'NORA_TRUST_PROXY must list addresses or CIDR blocks'],
  [{ NORA_TRUST_PROXY: '1' }, 'NORA_TRUST_PROXY must list addresses or CIDR blocks'],
  [{ NORA_TRUST_PROXY: 'loopback' }, 'NORA_TRUST_PROXY must list addresses or CIDR blocks'],
  [{ NORA_ALLOWED_HOSTS: '*' }, 'NORA_ALLOWED_HOSTS must list host names'],
  [{ NORA_ALLOWED_HOSTS: 'https://nora.org' }, 'NORA_ALLOWED_HOSTS must list host names'],
  [{ NORA_ALLOWED_HOSTS: 'nora.org:8080' }, 'NORA_ALLOWED_HOSTS must list host names'],
  [{ NORA_INSTANCE: 'two words' }, 'NORA_INSTANCE must be letters, digits'],
  [{ NORA_MAX_CONNECTIONS: '0' }, 'NORA_MAX_CONNECTIONS must be'],
  [{ ENABLED_BACKENDS: 'docker,proxmox' }, 'ENABLED_BACKENDS may only list'],
  [{ ENCRYPTION_KEY: hex() }, 'ENCRYPTION_KEY must not be given to api'],
  [{ ENCRYPTION_KEY_FILE: '/nowhere' }, 'ENCRYPTION_KEY_FILE must not be given to api'],
  [{ ENCRYPTION_KEYS_PREVIOUS: `1:${hex()}` }, 'ENCRYPTION_KEYS_PREVIOUS must not be given to api'],
  [{ DOCKER_HOST: 'unix:///var/run/docker.sock' }, 'DOCKER_HOST must not be given to api'],
  [{ DATABASE_URL: worker.DATABASE_URL }, 'DATABASE_URL must be of the role nora_app'],
  [
    { DATABASE_URL: 'postgres://nora_app:100%@127.0.0.1/nora' },
    'DATABASE_URL has a % in its user or password',
  ],
])('the api refuses %o in production', (change, problem) => {
  for (const NODE_ENV of [undefined, 'production', 'Test', 'dev']) {
    expect(problems(loadApiConfig, { ...api, NODE_ENV, ...change }).join('\n')).toContain(problem)
  }
})

test.each([
  [{ ENCRYPTION_KEY: 'f'.repeat(64) }, 'ENCRYPTION_KEY has too little entropy'],
  [{ ENCRYPTION_KEY: 'change-me' }, 'ENCRYPTION_KEY must be 64 hex'],
  [{ ENCRYPTION_KEYS_PREVIOUS: `1:${hex()},1:${hex()}` }, 'each version once'],
  [{ ENCRYPTION_KEYS_PREVIOUS: `1:retired,1:${hex()}` }, 'each version once'],
  [{ ENCRYPTION_KEYS_PREVIOUS: '1:' }, '<version>:retired'],
  [{ JWT_SECRET: hex() }, 'JWT_SECRET must not be given to worker'],
  [{ NORA_SEAL_KEY: api.NORA_SEAL_KEY }, 'NORA_SEAL_KEY must not be given to worker'],
  [{ NORA_CAPABILITY_PRIVATE_KEY: key() }, 'NORA_CAPABILITY_PRIVATE_KEY must not be given to worker'],
  [{ NORA_SETUP_TOKEN: hex() }, 'NORA_SETUP_TOKEN must not be given to worker'],
  [{ NORA_AGENT_NETWORK_POOL: '8.8.0.0/16' }, 'NORA_AGENT_NETWORK_POOL must be a private'],
  [{ NORA_KEYS_DIR: 'keys' }, 'NORA_KEYS_DIR must be an absolute path'],
])('the worker refuses %o in production', (change, problem) => {
  expect(problems(loadWorkerConfig, { ...worker, ...change }).join('\n')).toContain(problem)
})

test('only development and test relax', () => {
  const weak = { ...api, JWT_SECRET: 'weak', CORS_ORIGINS: '*', ENCRYPTION_KEY: hex() }
  expect(problems(loadApiConfig, { ...weak, NODE_ENV: 'test' })).toEqual([])
  expect(problems(loadApiConfig, { ...weak, NODE_ENV: 'development' })).toEqual([])
  expect(problems(loadApiConfig, { ...weak, NODE_ENV: 'staging' })).toHaveLength(3)
})

test('a secret may come from a file, not from both, and the file must be there', () => {
  const file = join(folder, 'jwt')
  writeFileSync(file, `${api.JWT_SECRET}\n`)
  const { JWT_SECRET: _, ...rest } = api
  expect(loadApiConfig({ ...rest, JWT_SECRET_FILE: file }).jwtSecrets).toEqual([api.JWT_SECRET])
  expect(problems(loadApiConfig, { ...api, JWT_SECRET_FILE: file })).toEqual([
    'JWT_SECRET is given twice: keep JWT_SECRET or JWT_SECRET_FILE, not both',
  ])
  expect(problems(loadApiConfig, { ...rest, JWT_SECRET_FILE: '/nowhere' })).toEqual([
    'JWT_SECRET cannot be read from its _FILE /nowhere: ENOENT',
  ])
})

test('a JWT_SECRET list keeps its order; plain http is for loopback', () => {
  const second = hex()
  const env = { ...api, JWT_SECRET: `${api.JWT_SECRET},${second}`, NORA_PUBLIC_URL: 'http://127.0.0.1:9000/' }
  const config = loadApiConfig(env)
  expect(config.jwtSecrets).toEqual([api.JWT_SECRET, second])
  expect(config.publicUrl).toBe('http://127.0.0.1:9000')
})

test("the worker's key version follows the previous keys", () => {
  const config = loadWorkerConfig({ ...worker, ENCRYPTION_KEYS_PREVIOUS: `1:${hex()},4:${hex()}` })
  expect(config.keyVersion).toBe(5)
  expect(config.encryptionKeysPrevious.map((one) => one.version)).toEqual([1, 4])
})

test('what is kept of logs is read in MiB and days', () => {
  const settings = { NORA_LOG_KEEP_MB: '2', NORA_LOG_KEEP_DAYS: '3', NORA_LOG_TOTAL_MB: '4' }
  const { logs } = loadWorkerConfig({ ...worker, ...settings })
  expect(logs).toEqual({ keptBytes: 2 * 1024 ** 2, keptDays: 3, totalBytes: 4 * 1024 ** 2 })
  for (const name of Object.keys(settings)) {
    const refused = problems(loadWorkerConfig, { ...worker, [name]: '0' })
    expect(refused.join('\n')).toContain(name)
  }
})

test('a retired key leaves its number behind, and nothing else', () => {
  const config = loadWorkerConfig({ ...worker, ENCRYPTION_KEYS_PREVIOUS: `1:retired,2:${hex()},3:retired` })
  expect(config.keyVersion).toBe(4)
  expect(config.encryptionKeysPrevious.map((one) => one.version)).toEqual([2])
  const lost = loadWorkerConfig({ ...worker, ENCRYPTION_KEYS_PREVIOUS: `1:lost,2:${hex()}` })
  expect([lost.keyVersion, lost.encryptionKeysLost]).toEqual([3, [1]])
})

test('allowed provider hosts match by host, port and block', () => {
  const env = { ...api, NORA_PROVIDER_ALLOW_HOSTS: 'ollama.lan:11434, 10.1.0.0/16,[::1]:8080' }
  const { providerAllowHosts: allowed } = loadApiConfig(env)
  expect(isAllowedHost(allowed, 'Ollama.lan', 11434)).toBe(true)
  expect(isAllowedHost(allowed, 'ollama.lan', 443)).toBe(false)
  expect(isAllowedHost(allowed, '10.1.2.3', 1)).toBe(true)
  expect(isAllowedHost(allowed, '10.2.0.1', 1)).toBe(false)
  expect(isAllowedHost(allowed, '[::1]', 8080)).toBe(true)
})

test('localhost is one address', () => {
  expect(loadApiConfig({ ...api, NORA_BIND: 'localhost' }).bind).toBe('127.0.0.1')
})

test('hosts and connections are read', () => {
  const env = { ...api, NORA_ALLOWED_HOSTS: 'Nora.lan, [fd00::1]', NORA_MAX_CONNECTIONS_PER_ADDRESS: '9' }
  const { allowedHosts, connections } = loadApiConfig(env)
  expect(allowedHosts).toEqual(['nora.lan', '[fd00::1]'])
  expect(connections).toEqual({ all: 4096, perAddress: 9 })
})

test('NORA_RATE_LIMITS changes what it names and nothing else; anything odd is refused', () => {
  const { rateLimits } = loadApiConfig({ ...api, NORA_RATE_LIMITS: 'mutations=7/30, signup-daily=100/86400' })
  expect(rateLimits.mutations).toEqual({ max: 7, windowMs: 30_000 })
  expect(rateLimits.signupDaily).toEqual({ max: 100, windowMs: 86_400_000 })
  expect(rateLimits.global).toEqual({ max: 300, windowMs: 60_000 })
  for (const odd of [
    'everything=1/1',
    'global',
    'global=0/60',
    'global=-1/60',
    'global=1/60/2',
    '__proto__=1/1',
    'constructor=1/1',
  ]) {
    expect(problems(loadApiConfig, { ...api, NORA_RATE_LIMITS: odd }), odd).toHaveLength(1)
  }
})

test('an image is named by its id or a reference, and gateways are dialled in one of two ways', () => {
  const id = `sha256:${'a'.repeat(64)}`
  const named = {
    ...worker,
    NORA_IMAGE_GATEWAY: id,
    NORA_IMAGE_STARTER_AGENT: 'nora/starter-agent:1',
    NORA_GATEWAY_DIAL: 'network',
  }
  expect(loadWorkerConfig(named)).toMatchObject({
    images: { gateway: id, 'starter-agent': 'nora/starter-agent:1' },
    gatewayDial: 'network',
  })
  const wrong = {
    ...worker,
    NORA_IMAGE_GATEWAY: '../x',
    NORA_IMAGE_STARTER_AGENT: 'a b',
    NORA_GATEWAY_DIAL: 'host',
  }
  expect(problems(loadWorkerConfig, wrong)).toHaveLength(3)
})
