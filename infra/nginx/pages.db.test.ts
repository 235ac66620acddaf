import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { startApi, type TestApi } from '@nora/api/testing/test-api'
import { pageMarks } from '@nora/contract/page-policy'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { tempFolder } from '@nora/testing/temp-folder'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask, askPlainly, type Got } from './testing/ask.ts'
import { adminHost, type Edge, edgePorts, publicHost, startEdge, startPages } from './testing/start-edge.ts'

const database = testDatabase()
const redis = testRedis()
const script = 'export const answer = 42\n'.repeat(200)
let edge: Edge
let api: TestApi
const ending: (() => Promise<unknown>)[] = []

async function build(folder: string): Promise<void> {
  await mkdir(join(folder, 'assets'), { recursive: true })
  const { nonce, consoleOrigin } = pageMarks
  const console = folder.endsWith('admin') ? `<meta name="nora-console" content="${consoleOrigin}">` : ''
  const page = `<!doctype html><title>app</title><meta property="csp-nonce" nonce="${nonce}"><link nonce="${nonce}">${console}`
  await writeFile(join(folder, 'index.html'), page)
  await writeFile(join(folder, 'assets/main-1a2b.js'), script)
  await writeFile(join(folder, 'assets/main-1a2b.js.gz'), gzipSync(script))
  await writeFile(join(folder, 'assets/main-3c4d.css'), 'p{}')
  await writeFile(join(folder, 'assets/nora-5e6f.svg'), '<svg/>')
  await writeFile(join(folder, 'licences.md'), 'Apache-2.0')
}
/** With what lies about there by mistake. */
async function buildCarelessly(folder: string): Promise<void> {
  await build(folder)
  await writeFile(join(folder, '.env'), 'canary')
}

beforeAll(async () => {
  const ports = await edgePorts()
  const captcha = 'turnstile' as const
  const folder = await tempFolder('nora-built-')
  const [consoleDir, adminDir] = [join(folder, 'console'), join(folder, 'admin')]
  await Promise.all([consoleDir, adminDir].map(build))
  const botProtection = {
    ...{ provider: captcha, siteKey: 'site', secret: 'secret', minScore: 0.5 },
    verifyUrl: 'http://127.0.0.1:1/',
  }
  const origins = {
    publicUrl: `https://${publicHost}:${ports.httpsPort}`,
    adminUrl: `https://${adminHost}:${ports.httpsPort}`,
  }
  api = await startApi(database, redis, { config: { consoleDir, adminDir, botProtection, ...origins } })
  const given = { publicPort: ports.publicPort, captcha }
  const pages = await Promise.all([
    startPages('console', buildCarelessly, given),
    startPages('admin', buildCarelessly, given),
  ])
  edge = await startEdge({
    ...ports,
    ...{ realCertificate: true, captcha, apiUpstream: new URL(api.url).host },
    ...{ consoleUpstream: pages[0].upstream, adminUpstream: pages[1].upstream },
  })
  ending.push(edge.close, pages[0].close, pages[1].close, api.close)
})
afterAll(async () => {
  for (const end of ending) await end()
})

const nonceOf = ({ text }: Got) => [...text.matchAll(/nonce="([^"]+)"/g)].map(([, nonce]) => nonce)
/** What speaks of the connection, of the server's clock, or names the file's version in the server's own way. */
const own = [
  'connection',
  'keep-alive',
  'date',
  'server',
  'content-length',
  'transfer-encoding',
  'etag',
  'last-modified',
  'vary',
  'accept-ranges',
]

function comparable({ headers }: Got): Record<string, unknown> {
  const kept = Object.entries(headers).filter(([name]) => !own.includes(name))
  const blank = (value: unknown) => String(value).replace(/nonce-[\w-]+/, 'nonce-X')
  return Object.fromEntries(
    kept.map(([name, value]) => [name, name === 'x-correlation-id' ? 'an id' : blank(value)]),
  )
}

describe('the same headers and the same page from nginx as from the api', () => {
  const cases: [string, string][] = [
    [publicHost, '/'],
    [publicHost, '/w/x/agents?tab=1'],
    [publicHost, '/sign-in'],
    [publicHost, '/sign-up'],
    [publicHost, '/claim'],
    [publicHost, '/assets'],
    [adminHost, '/admin/'],
    [adminHost, '/admin/users'],
    [adminHost, '/admin/sign-up'],
    [publicHost, '/assets/main-1a2b.js'],
    [publicHost, '/assets/main-3c4d.css'],
    [publicHost, '/assets/nora-5e6f.svg'],
    [publicHost, '/licences.md'],
    [adminHost, '/admin/assets/main-1a2b.js'],
    [adminHost, '/admin/licences.md'],
  ]
  test.each(cases)('at %s%s', async (host, path) => {
    const theirs = await askPlainly(Number(new URL(api.url).port), path, {
      host: `${host}:${edge.httpsPort}`,
      headers: { 'accept-encoding': 'gzip' },
    })
    const ours = await ask(edge, path, { host, headers: { 'accept-encoding': 'gzip' } })
    expect([theirs.status, ours.status]).toEqual([200, 200])
    expect(comparable(ours)).toEqual(comparable(theirs))
    const plain = ({ text }: Got) => text.replaceAll(/nonce="[^"]*"/g, '')
    if (theirs.headers['content-encoding'] === undefined) expect(plain(ours)).toBe(plain(theirs))
  })

  const refusals: [string, string, string][] = [
    ['GET', publicHost, '/assets/gone-9f9f.js'],
    ['GET', publicHost, '/assets/'],
    ['GET', publicHost, '/assets/main-1a2b.js.gz'],
    ['GET', publicHost, '/.env'],
    ['GET', publicHost, '/index.html'],
    ['GET', publicHost, '/favicon.ico'],
    ['GET', publicHost, '/admin/'],
    ['GET', publicHost, '/admin'],
    ['GET', publicHost, '/admin/assets/main-1a2b.js'],
    ['POST', publicHost, '/'],
    ['GET', adminHost, '/sign-in'],
    ['GET', adminHost, '/assets/main-1a2b.js'],
    ['GET', adminHost, '/admin/assets/gone.js'],
  ]
  test.each(refusals)('and the same refusal of %s %s%s', async (method, host, path) => {
    const theirs = await askPlainly(Number(new URL(api.url).port), path, {
      method,
      host: `${host}:${edge.httpsPort}`,
    })
    const ours = await ask(edge, path, { method, host })
    expect([ours.status, ours.headers['content-type']]).toEqual([404, 'application/problem+json'])
    expect(theirs.status).toBe(404)
    const limits = ['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset']
    const { 'content-type': _, ...theirHeaders } = comparable(theirs)
    expect(comparable(ours)).toMatchObject(
      Object.fromEntries(Object.entries(theirHeaders).filter(([name]) => !limits.includes(name))),
    )
    const { correlationId, ...problem } = JSON.parse(ours.text)
    expect({ ...problem, correlationId: expect.any(String) }).toEqual({
      ...JSON.parse(theirs.text),
      correlationId: expect.any(String),
    })
    expect(correlationId).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    expect(ours.text).not.toContain('canary')
  })

  test('and nothing above the folder of the files', async () => {
    for (const path of [
      '/assets/..%2f..%2fnora-console.conf',
      '/..%2fnora-console.conf',
      '/%2e%2e/nora-console.conf',
    ])
      expect((await ask(edge, path)).status, path).toBe(400)
    expect((await ask(edge, '/assets/..%2fassets/..%2fnora-console.conf')).status).toBe(404)
  })

  test('and the same ways on', async () => {
    expect((await ask(edge, '/admin', { host: adminHost })).headers.location).toBe('/admin/')
    expect((await ask(edge, '/', { host: adminHost })).headers.location).toMatch(/\/admin\/$/)
  })
})

test('each page has a nonce of its own, everywhere in it and in its policy', async () => {
  const pages = await Promise.all(Array.from({ length: 20 }, () => ask(edge, '/sign-in')))
  const nonces = pages.map((page) => {
    const found = nonceOf(page)
    expect(found).toEqual([found[0], found[0]])
    expect(found[0]).toMatch(/^[0-9a-f]{32}$/)
    expect(page.headers['content-security-policy']).toContain(`style-src 'self' 'nonce-${found[0]}'`)
    expect(page.headers['cache-control']).toBe('no-store')
    expect(page.text).not.toContain(pageMarks.nonce)
    return found[0]
  })
  expect(new Set(nonces).size).toBe(20)
})

test('the admin app’s page says where the console is', async () => {
  const { text } = await ask(edge, '/admin/sign-in', { host: adminHost })
  expect(text).toContain(`<meta name="nora-console" content="https://${publicHost}:${edge.httpsPort}">`)
})

test('hashed files are kept for ever and come compressed where that is understood', async () => {
  const path = '/assets/main-1a2b.js'
  const packed = await ask(edge, path, { headers: { 'accept-encoding': 'br, gzip' } })
  expect([packed.headers['content-encoding'], packed.headers['cache-control']]).toEqual([
    'gzip',
    'public, max-age=31536000, immutable',
  ])
  expect(gunzipSync(packed.bytes).toString()).toBe(script)
  expect(packed.headers['vary']).toMatch(/accept-encoding/i)
  expect((await ask(edge, path)).text).toBe(script)
})
