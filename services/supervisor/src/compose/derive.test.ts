import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { loadApiConfig } from '@nora/config/api'
import { loadMigrateConfig } from '@nora/config/migrate'
import { loadWorkerConfig } from '@nora/config/worker'
import { expect, test } from 'vitest'
import type { Installation } from '../installation.ts'
import { freeStackNetwork, stackAddresses } from './addresses.ts'
import { deriveStack, formatSettings } from './derive.ts'

const hex = () => randomBytes(32).toString('hex')
function installation(more: { api?: Record<string, string> } = {}): Installation {
  const files = {
    installation: {
      ...{ NORA_INSTALLATION_ID: randomUUID(), NORA_AGENT_NETWORK_POOL: '10.150.0.0/16', NORA_PORT: '8080' },
      ...{ NORA_WORKER_PORT: '7070', NORA_STACK_NETWORK: '10.151.255.0/24' },
      ...{ NORA_HTTPS_PORT: '8443', NORA_HTTP_PORT: '8081' },
    },
    api: {
      ...{ JWT_SECRET: hex(), NORA_SETUP_TOKEN: hex(), NORA_REDIS_PASSWORD_API: hex() },
      NORA_CAPABILITY_PRIVATE_KEY: randomBytes(32).toString('base64url'),
      ...{ NORA_PUBLIC_URL: 'https://nora.test', NORA_ADMIN_URL: 'https://admin.nora.test' },
      ...more.api,
    },
    worker: { ENCRYPTION_KEY: hex(), NORA_REDIS_PASSWORD_WORKER: hex() },
    migrate: {
      ...{ NORA_DB_PASSWORD_MIGRATOR: hex(), NORA_DB_PASSWORD_APP: hex() },
      NORA_DB_PASSWORD_WORKER: hex(),
    },
    demo: {},
  }
  const id = files.installation.NORA_INSTALLATION_ID
  return { files, id, mode: 'compose', publicUrl: files.api.NORA_PUBLIC_URL } as unknown as Installation
}
const facts = {
  ...{
    folder: '/etc/nora/compose',
    configDir: '/etc/nora',
    dataDir: '/var/lib/nora',
    keysDir: '/run/nora/keys',
  },
  ...{
    engineGid: 106,
    engineSocket: '/var/run/docker.sock',
    resolversDir: '/x',
    cpus: 2,
    nginxSettings: 'http {}',
    images: { NORA_IMAGE_GATEWAY: `sha256:${'a'.repeat(64)}` },
  },
  tls: { fullchain: 'certificate', privkey: '-----BEGIN PRIVATE KEY-----canary' },
}
/** Every value of an env file that is a secret, and what they are turned into. */
const secretsOf = (stack: ReturnType<typeof deriveStack>, { files }: Installation) => [
  ...Object.values({ ...files.api, ...files.worker, ...files.migrate }).filter((value) =>
    /^[\w-]{43,}$/.test(value),
  ),
  ...Object.values(stack.given).flatMap(({ secrets }) => Object.values(secrets)),
]

test('no secret stands in what anybody who may ask the engine can read', () => {
  const it = installation({
    api: { NORA_OIDC_CLIENT_SECRET: hex(), SENTRY_DSN: `https://${hex()}@errors.test/1` },
  })
  const stack = deriveStack(it, facts)
  const shown = JSON.stringify([stack.variables, Object.values(stack.given).map(({ env }) => env)])
  const secrets = secretsOf(stack, it)
  expect(secrets.length).toBeGreaterThan(15)
  for (const secret of secrets) expect(shown).not.toContain(secret)
  expect(shown).not.toContain('canary')
})

test('each container has its own secrets and nobody else has them', () => {
  const { given } = deriveStack(installation(), facts)
  const names = Object.fromEntries(
    Object.entries(given).map(([name, { secrets }]) => [name, Object.keys(secrets).sort()]),
  )
  expect(names).toEqual({
    api: [
      'DATABASE_URL',
      'JWT_SECRET',
      'NORA_CAPABILITY_PRIVATE_KEY',
      'NORA_SEAL_KEY',
      'NORA_SETUP_TOKEN',
      'REDIS_URL',
    ],
    worker: ['DATABASE_URL', 'ENCRYPTION_KEY', 'REDIS_URL'],
    migrate: ['DATABASE_URL', 'NORA_DB_PASSWORD_APP', 'NORA_DB_PASSWORD_WORKER'],
    postgres: ['NORA_DB_PASSWORD_MIGRATOR'],
    'engine-proxy': [],
    netguard: [],
    redis: ['users.acl'],
    nginx: ['fullchain.pem', 'privkey.pem'],
  })
  expect(given.redis.secrets['users.acl']).not.toMatch(/[^#0-9a-f][0-9a-f]{64}/)
})

test('each process boots in production on its settings and files', async () => {
  const { given } = deriveStack(
    installation({ api: { NORA_BIND: '0.0.0.0', NORA_TRUST_PROXY: '0.0.0.0/0' } }),
    facts,
  )
  const folder = await mkdtemp(join(tmpdir(), 'nora-derive-'))
  const env = async (name: 'api' | 'worker' | 'migrate') => {
    for (const [file, value] of Object.entries(given[name].secrets))
      await writeFile(join(folder, `${name}-${file}`), value)
    const read = parseEnv(formatSettings(given[name].env)) as Record<string, string>
    return Object.fromEntries(
      Object.entries(read).map(([key, value]) => [key, value.replace('/run/secrets/', `${folder}/${name}-`)]),
    )
  }
  const api = loadApiConfig(await env('api'))
  // The stack's own addresses win over what stands in api.env: only nginx is believed.
  expect(api).toMatchObject({ bind: '10.151.255.3', port: 8080, publicUrl: 'https://nora.test' })
  expect(JSON.stringify(api.trustProxy)).toContain('10.151.255.2')
  expect(JSON.stringify(api.trustProxy)).not.toContain('0.0.0.0')
  const worker = loadWorkerConfig(await env('worker'))
  expect(worker).toMatchObject({
    bind: '10.151.255.38',
    url: 'http://10.151.255.38:7070',
    gatewayDial: 'network',
  })
  expect(worker.databaseUrl).toContain('@10.151.255.34:5432/nora')
  expect(loadMigrateConfig(await env('migrate')).databaseUrl).toContain('nora_migrator')
  expect(await readFile(join(folder, 'worker-ENCRYPTION_KEY'), 'utf8')).toMatch(/^[0-9a-f]{64}$/)
  await rm(folder, { recursive: true })
})

test('a container is made anew when what it is given changes, and only then', () => {
  const it = installation()
  const digests = (one: Installation, more = {}) => deriveStack(one, { ...facts, ...more }).variables
  const [before, same] = [digests(it), digests(it)]
  expect(same).toEqual(before)
  const changed = { ...it, files: { ...it.files, api: { ...it.files.api, JWT_SECRET: hex() } } }
  const after = digests(changed)
  expect(Object.keys(before).filter((name) => before[name] !== after[name])).toEqual(['NORA_DIGEST_API'])
  const served = digests(it, { nginxSettings: 'other' })
  expect(Object.keys(before).filter((name) => before[name] !== served[name])).toEqual([
    'NORA_DIGEST_NGINX',
    'NORA_DIGEST_PAGES',
  ])
})

test('it is published on this machine alone while its name means this machine', () => {
  const publish = (url: string) => {
    const it = { ...installation(), publicUrl: url }
    return deriveStack(it, facts).variables['NORA_PUBLISH_ADDRESS']
  }
  expect(publish('https://localhost:8443')).toBe('127.0.0.1')
  expect(publish('https://nora.localhost')).toBe('127.0.0.1')
  expect(publish('https://nora.example.org')).toBe('0.0.0.0')
  expect(publish('https://127.0.0.1')).toBe('127.0.0.1')
  expect(publish('https://[::1]')).toBe('127.0.0.1')
  expect(publish('https://localhost.example.org')).toBe('0.0.0.0')
  expect(publish('https://127.example.org')).toBe('0.0.0.0')
})

test('settings that no file of settings holds are refused by name', () => {
  expect(formatSettings({ B: 'a b$c"#', A: '' })).toBe(`A=''\nB='a b$c"#'\n`)
  for (const value of ["it's", 'a\\b', 'two\nlines', `$${'{HOME}'}`]) {
    expect(() => formatSettings({ NORA_OIDC_NAME: value })).toThrow(/^NORA_OIDC_NAME must not contain/)
  }
})

test('networks do not overlap, and the default routes lead outside', () => {
  const at = stackAddresses('10.9.255.0/24', '10.8.0.0/16')
  expect(at.subnets).toEqual({
    ...{ edge: '10.9.255.0/27', control: '10.9.255.32/27', out: '10.9.255.64/27' },
    gateways: '10.8.0.0/28',
  })
  const all = [at.edge, at.control, at.out, at.gateways].flatMap((one) => Object.values(one))
  expect(new Set(all).size).toBe(all.length)
  expect(() => stackAddresses('10.9.255.0/16', '10.8.0.0/16')).toThrow('must be a /24')
  const { variables } = deriveStack(installation(), facts)
  // The engine takes the first by name.
  for (const name of ['NORA_NETWORK_EDGE', 'NORA_NETWORK_OUT']) {
    expect(variables[name]! < variables['NORA_NETWORK_GATEWAYS']!).toBe(true)
  }
  expect(freeStackNetwork('', true)).toBe('10.213.255.0/24')
  expect(freeStackNetwork('10.213.0.0/16 dev x', true)).not.toBe('10.213.255.0/24')
})

test('no agent of the stack starts without its host guard, unless the operator says so', () => {
  const it = installation()
  // Unset, the worker requires it.
  expect(deriveStack(it, facts).given.worker.env['NORA_HOST_GUARD'] || 'required').toBe('required')
  it.files.worker['NORA_HOST_GUARD'] = 'off'
  expect(deriveStack(it, facts).given.worker.env['NORA_HOST_GUARD']).toBe('off')
})

test('the guard is told which networks are the stack’s own', () => {
  expect(deriveStack(installation(), facts).given.netguard.env['NORA_STACK_NETWORK']).toBe('10.151.255.0/24')
})
