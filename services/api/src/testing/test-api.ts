import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { defaultRateLimits, type RateLimits } from '@nora/config/rate-limits'
import { deriveSealing } from '@nora/crypto/keys'
import { createLogger } from '@nora/log/logger'
import { operationsDoorbell } from '@nora/queue/operations'
import type { TestDatabase } from '@nora/testing/postgres'
import type { TestRedis } from '@nora/testing/redis'
import { afterAll, beforeAll } from 'vitest'
import { buildApp } from '../app.ts'
import type { ApiSettings, Deps } from '../deps.ts'
import { connectQueue, connectRedis } from '../redis.ts'
import { type Client, client } from './client.ts'

/** The key behind `deps.sealKey`: a worker that a test starts opens with it. */
export const testEncryptionKey = Buffer.alloc(32, 7)
export const setupToken = 'a-setup-token-that-tests-show-0123456789'
const origin = 'http://localhost:8080'

export type TestApi = {
  app: Awaited<ReturnType<typeof buildApp>>
  deps: Deps
  /** `http://127.0.0.1:<port>`, where it really listens. */
  url: string
  /** The Origin that its own pages have. */
  origin: string
  /** Every line that it logged, as text. */
  logged: string[]
  /** A caller without a session. */
  anonymous: Client
  /** Makes an account (the first one claims the server) and signs it in with bearer tokens, or with cookies. */
  signUp: (options?: {
    email?: string
    password?: string
    transport?: 'bearer' | 'cookie'
  }) => Promise<Client>
  login: (email: string, password: string, transport?: 'bearer' | 'cookie') => Promise<Client>
  close: () => Promise<void>
}

export type TestApiOptions = {
  config?: Partial<ApiSettings>
  rateLimits?: Partial<RateLimits>
  deps?: Partial<Deps>
}

export const password = 'correct horse battery staple'
const plenty = { max: 1_000_000, windowMs: 60_000 }

/**
 * The real api on a real port over a test's own Postgres and Redis, from `beforeAll` to `afterAll`. Limits are out of
 * the way unless `rateLimits` sets them. Redis is waited for, however slowly it answers on this machine, unless `config.redisPatience` says
 * otherwise. Everything of `deps` may be replaced.
 */
export function testApi(database: TestDatabase, redis: TestRedis, options: TestApiOptions = {}): TestApi {
  const api = {} as TestApi
  beforeAll(async () => {
    Object.assign(api, await startApi(database, redis, options))
  })
  afterAll(async () => {
    await api.close?.()
  })
  return api
}

/** The same without the hooks, for a test that starts and closes apis itself. */
export async function startApi(
  database: TestDatabase,
  redis: TestRedis,
  options: TestApiOptions = {},
): Promise<TestApi> {
  const logged: string[] = []
  const log = createLogger({
    service: 'api',
    level: 'debug',
    destination: { write: (line) => void logged.push(line) },
  })
  const connection = connectRedis(redis.url, log)
  const queueConnection = connectQueue(redis.url, log)
  const queue = operationsDoorbell(queueConnection, redis.prefix)
  queue.on('error', () => undefined)
  const deps: Deps = {
    config: testSettings(options),
    db: database.app,
    redis: connection,
    queue,
    log,
    clock: Date.now,
    sealKey: deriveSealing(testEncryptionKey, 1).sealKey,
    capabilitySeed: randomBytes(32),
    hubPeppers: [randomBytes(32)],
    ...options.deps,
  }
  const app = await buildApp(deps)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  await Promise.all([connection, queueConnection].map(ready))
  const anonymous = client({ url, origin })
  const login: TestApi['login'] = (email, password, transport = 'bearer') =>
    anonymous.login(email, password, transport)
  return {
    app,
    deps,
    url,
    origin,
    logged,
    anonymous,
    login,
    signUp: async ({
      email = `user-${randomBytes(6).toString('hex')}@nora.test`,
      password: chosen = password,
      transport = 'bearer',
    } = {}) => {
      const answer = await anonymous.post('/api/auth/signup', { email, password: chosen, setupToken })
      if (answer.status !== 202) throw new Error(`sign-up answered ${answer.status} ${answer.text}`)
      return login(email, chosen, transport)
    },
    close: async () => {
      await app.close()
      await queue.close()
      queueConnection.disconnect()
      connection.disconnect()
    },
  }
}

/** The settings of an api in a test. */
export function testSettings({ config, rateLimits }: TestApiOptions = {}): ApiSettings {
  const raised = Object.fromEntries(Object.keys(defaultRateLimits).map((name) => [name, plenty]))
  return {
    production: false,
    bind: '127.0.0.1',
    instance: undefined,
    publicUrl: origin,
    adminUrl: origin,
    consoleDir: undefined,
    adminDir: undefined,
    jwtSecrets: [randomBytes(32).toString('hex')],
    setupToken,
    corsOrigins: [],
    signupEnabled: true,
    signInProviders: [],
    signInAllowHosts: [],
    botProtection: undefined,
    enabledBackends: ['docker'],
    limits: { vcpu: 4, ramMb: 8192, diskGb: 50, agents: 50 },
    maxAgentsTotal: 1_000_000,
    invokeMaxBodyMb: 100,
    trustProxy: [],
    allowedHosts: [],
    connections: { all: 10_000, perAddress: 10_000 },
    providerAllowHosts: [],
    allowPlaintextSecrets: false,
    errorReports: undefined,
    redisPatience: { memory: 50_000, refuse: 50_000 },
    ...config,
    rateLimits: { ...(raised as RateLimits), login: { ...plenty, backoffMs: 1_000 }, ...rateLimits },
  }
}

function ready(connection: {
  status: string
  once: (event: 'ready', listener: () => void) => unknown
}): Promise<void> {
  if (connection.status === 'ready') return Promise.resolve()
  return new Promise((resolve) => connection.once('ready', resolve))
}
