import { mkdir, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { brotliCompressSync, brotliDecompressSync } from 'node:zlib'
import { pageMarks } from '@nora/contract/page-policy'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { tempFolder } from '@nora/testing/temp-folder'
import { beforeAll, describe, expect, test } from 'vitest'
import { startApi, type TestApi } from '../testing/test-api.ts'

const database = testDatabase()
const redis = testRedis()
const script = 'export const answer = 42\n'.repeat(200)

async function buildApp(name: string): Promise<string> {
  const dist = join(await tempFolder('nora-pages-'), name)
  await mkdir(join(dist, 'assets'), { recursive: true })
  const page = `<!doctype html><title>${name}</title><meta property="csp-nonce" nonce="${pageMarks.nonce}">
    <meta name="nora-console" content="${pageMarks.consoleOrigin}">`
  await writeFile(join(dist, 'index.html'), page)
  await writeFile(join(dist, 'assets/main-1a2b.js'), script)
  await writeFile(join(dist, 'assets/main-1a2b.js.br'), brotliCompressSync(script))
  await writeFile(join(dist, 'licences.md'), 'Apache-2.0')
  await writeFile(join(dist, '../secret.env'), 'ENCRYPTION_KEY=canary')
  return dist
}

type Got = { status: number; headers: Record<string, string | string[] | undefined>; body: Buffer }

// Not fetch: paths are sent as they are, Host is ours to choose, and nothing is unpacked.
function get(api: TestApi, path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Got> {
  return new Promise((resolve, reject) => {
    const asked = request(api.url, { path, method, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }),
      )
    })
    asked.on('error', reject)
    asked.end()
  })
}
const titleOf = ({ body }: Got) => /<title>(.*?)<\/title>/.exec(body.toString())?.[1]

describe('with both apps at one origin', () => {
  let api: TestApi
  beforeAll(async () => {
    const config = { consoleDir: await buildApp('console'), adminDir: await buildApp('admin') }
    api = await startApi(database, redis, {
      config,
      rateLimits: { global: { max: 60, windowMs: 3_600_000 } },
    })
    return () => api.close()
  })

  test('every address of an app is its page, never cached, with a policy and a nonce of this answer alone', async () => {
    const pages = await Promise.all(['/', '/w/x/agents?tab=1', '/sign-in'].map((path) => get(api, path)))
    const nonces = pages.map(({ status, headers, body }) => {
      expect(status).toBe(200)
      expect(headers['cache-control']).toBe('no-store')
      const nonce = /nonce="([\w-]{22})"/.exec(body.toString())?.[1]
      const policy = String(headers['content-security-policy'])
      expect(policy).toContain(`style-src 'self' 'nonce-${nonce}'`)
      expect(policy).toMatch(/^default-src 'none'; script-src 'self'; /)
      expect(policy).not.toMatch(/unsafe|\*|data:|https:/)
      expect(headers['x-frame-options']).toBe('DENY')
      expect(headers['x-content-type-options']).toBe('nosniff')
      return nonce
    })
    expect(new Set(nonces).size).toBe(3)
    expect(titleOf(pages[1]!)).toBe('console')
    expect(titleOf(await get(api, '/admin/users'))).toBe('admin')
    expect((await get(api, '/admin')).headers['location']).toBe('/admin/')
  })

  test('hashed files may be kept for ever and come compressed', async () => {
    const { status, headers, body } = await get(api, '/assets/main-1a2b.js', {
      'accept-encoding': 'gzip, br',
    })
    expect([status, headers['content-encoding'], headers['cache-control']]).toEqual([
      200,
      'br',
      'public, max-age=31536000, immutable',
    ])
    expect(headers['content-type']).toMatch(/^(application|text)\/javascript/)
    expect(brotliDecompressSync(body).toString()).toBe(script)
    expect((await get(api, '/assets/main-1a2b.js')).body.toString()).toBe(script)
    expect((await get(api, '/assets/main-1a2b.js', {}, 'HEAD')).body.length).toBe(0)
  })

  test('nothing but the files that were built is given out', async () => {
    const paths = [
      '/assets/gone-9f9f.js',
      '/favicon.ico',
      '/assets/../../secret.env',
      '/assets/..%2f..%2fsecret.env',
      '/%2e%2e/%2e%2e/etc/passwd.txt',
      '/assets/main-1a2b.js.br',
      '/.env',
      '/assets/',
      '/admin/assets/..%5c..%5csecret.env',
    ]
    for (const path of paths) {
      const answer = await get(api, path)
      expect(answer.status, path).toBeGreaterThanOrEqual(400)
      expect(answer.headers['content-type'], path).toMatch(/^application\/problem\+json/)
      expect(answer.body.toString(), path).not.toContain('canary')
    }
  })

  test('pages are no calls: they neither count against the limit nor take another method', async () => {
    for (let i = 0; i < 70; i++) expect((await get(api, '/assets/main-1a2b.js')).status).toBe(200)
    expect((await get(api, '/', {}, 'POST')).status).toBe(404)
  })

  test('what the api does not have stays a problem of the api', async () => {
    const answers = await Promise.all(['/api', '/api/', '/api/nothing'].map((path) => get(api, path)))
    for (const { headers } of answers) expect(headers['content-type']).toMatch(/^application\/problem\+json/)
  })

  test('another site’s name gets no page', async () => {
    expect((await get(api, '/', { host: 'evil.example' })).body.toString()).not.toContain('<title>')
  })
})

test('with an origin of its own the admin app is there and nowhere else', async () => {
  const config = {
    consoleDir: await buildApp('console'),
    adminDir: await buildApp('admin'),
    publicUrl: 'https://nora.test',
    adminUrl: 'https://admin.nora.test',
  }
  const api = await startApi(database, redis, { config })
  const at = (host: string, path: string) => get(api, path, { host })
  try {
    expect(titleOf(await at('nora.test', '/'))).toBe('console')
    expect((await at('nora.test', '/admin/')).status).toBe(404)
    expect((await at('nora.test', '/admin/assets/main-1a2b.js')).status).toBe(404)
    expect(titleOf(await at('admin.nora.test', '/admin/users'))).toBe('admin')
    expect((await at('admin.nora.test', '/')).headers['location']).toBe('/admin/')
    expect((await at('admin.nora.test', '/sign-in')).status).toBe(404)
    const { body } = await at('admin.nora.test', '/admin/sign-in')
    expect(body.toString()).toContain('<meta name="nora-console" content="https://nora.test">')
    const policy = (await at('admin.nora.test', '/admin/')).headers['content-security-policy']
    expect(policy).toContain("connect-src 'self' wss://admin.nora.test;")
  } finally {
    await api.close()
  }
})

test('without the address of the admin app there is none', async () => {
  const config = {
    consoleDir: await buildApp('console'),
    adminDir: await buildApp('admin'),
    adminUrl: undefined,
  }
  const api = await startApi(database, redis, { config })
  try {
    expect((await get(api, '/admin/')).status).toBe(404)
    expect(titleOf(await get(api, '/'))).toBe('console')
  } finally {
    await api.close()
  }
})

test('the CAPTCHA that the operator chose is let in, on the console alone', async () => {
  const config = {
    consoleDir: await buildApp('console'),
    adminDir: await buildApp('admin'),
    botProtection: {
      provider: 'turnstile' as const,
      siteKey: 'site',
      secret: 'secret',
      verifyUrl: 'http://127.0.0.1:1/',
      minScore: 0.5,
    },
  }
  const api = await startApi(database, redis, { config })
  try {
    const policy = async (path: string) => String((await get(api, path)).headers['content-security-policy'])
    expect(await policy('/sign-up')).toContain("script-src 'self' https://challenges.cloudflare.com;")
    expect(await policy('/admin/')).not.toContain('cloudflare')
  } finally {
    await api.close()
  }
})

test('a folder without a built app ends the start, with the command that builds it', async () => {
  await expect(
    startApi(database, redis, { config: { consoleDir: await tempFolder('nora-pages-') } }),
  ).rejects.toThrow('npm run build')
})
