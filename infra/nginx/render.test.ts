import { execFile } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { problemOf } from '@nora/api/http/problem'
import type { ProblemCode } from '@nora/contract/problem-titles'
import { tempFolder } from '@nora/testing/temp-folder'
import { describe, expect, test } from 'vitest'
import cloudflare from './cloudflare.json' with { type: 'json' }
import { edgeConf } from './edge-conf.ts'
import { pagesConf } from './pages-conf.ts'
import { problemPages } from './problems.ts'
import { readSettings } from './settings.ts'
import { setupTls } from './testing/start-edge.ts'

const names = { publicHost: 'nora.test', adminHost: 'admin.nora.test' }
const render = fileURLToPath(new URL('./render.mjs', import.meta.url))
const run = promisify(execFile)

describe('what is rendered', () => {
  test('says no more than the api about a problem', () => {
    const text = problemPages({ realCertificate: false, limits: true }).join('\n')
    const found = [...text.matchAll(/return (\d+) '(\{.*\})';/g)]
    expect(found.length).toBeGreaterThan(9)
    for (const [, status, body = ''] of found) {
      const problem = JSON.parse(body.replace('$retry_after', '12').replace('$correlation_id', 'id'))
      const facts = problem.code === 'rate-limited' ? { retryAfterSeconds: 12 } : {}
      const ours = problemOf(problem.code as ProblemCode, 'id', facts)
      // A part that is gone is a 502 or 504 here, which says where it was missed.
      expect(problem).toEqual(problem.code === 'unavailable' ? { ...ours, status: Number(status) } : ours)
    }
  })

  test('tells browsers to insist on https only where the certificate is real', () => {
    expect(edgeConf(readSettings(names))).not.toMatch(/add_header strict-transport-security/)
    expect(edgeConf(readSettings({ ...names, realCertificate: true }))).toMatch(
      /add_header strict-transport-security "max-age=31536000; includeSubDomains" always/,
    )
  })

  test('asks nobody outside by default', () => {
    const text = edgeConf(readSettings(names))
    expect(text).not.toMatch(/ssl_stapling|resolver/)
  })

  test('Cloudflare’s ranges are blocks of addresses, with their source and its date', () => {
    expect(cloudflare.source).toMatch(/^https:\/\/www\.cloudflare\.com\//)
    expect(Date.parse(cloudflare.date)).toBeLessThan(Date.now())
    for (const block of cloudflare.blocks) {
      const [address = '', prefix] = block.split('/')
      expect(isIP(address)).toBeGreaterThan(0)
      expect(Number(prefix)).toBeGreaterThan(11)
    }
  })

  const every: Record<string, unknown>[] = [
    {},
    { publicHost: 'localhost', adminHost: 'localhost', publicPort: 8443 },
    { publicHost: '192.0.2.1', listen: '0.0.0.0' },
    { agentsDomain: 'agents.test', realIp: 'cloudflare', onlyThroughProxy: true, captcha: 'turnstile' },
    { realIp: ['10.0.0.0/8'], realCertificate: true, ocspStapling: true, captcha: 'recaptcha' },
  ]
  test.each(every)('is taken by nginx: %j', async (given) => {
    const folder = await tempFolder('nora-render-')
    const certDir = join(folder, 'tls')
    const asked = {
      ...names,
      apiUpstream: '127.0.0.1:1',
      consoleUpstream: '127.0.0.1:2',
      adminUpstream: '127.0.0.1:3',
    }
    const settings = { ...asked, tmpDir: folder, certDir, accessLog: 'off', ...given }
    await run(setupTls, [
      '--self-signed',
      '--dir',
      certDir,
      '--public-host',
      'a.test',
      '--admin-host',
      'b.test',
    ])
    await writeFile(join(folder, 'settings.json'), JSON.stringify(settings))
    const out = join(folder, 'conf')
    await run(process.execPath, [render, '--settings', join(folder, 'settings.json'), '--out', out])
    expect((await readdir(out)).sort()).toEqual(['admin.conf', 'console.conf', 'nginx.conf'])
    for (const file of await readdir(out)) {
      const { stderr } = await run('/usr/sbin/nginx', ['-t', '-q', '-c', join(out, file), '-e', 'stderr'])
      expect(stderr.replaceAll(/.*ssl_stapling.*\n/g, '')).toBe('')
    }
  })
})

describe('the program', () => {
  test('a flag wins over the file; --print writes one', async () => {
    const folder = await tempFolder('nora-render-')
    const settings = join(folder, 'settings.json')
    await writeFile(settings, JSON.stringify({ ...names, httpsPort: 1_111 }))
    const printed = await run(process.execPath, [
      render,
      '--settings',
      settings,
      '--https-port',
      '2222',
      '--print',
      'edge',
    ])
    expect(printed.stdout).toBe(edgeConf(readSettings({ ...names, httpsPort: 2_222 })))
    const pages = await run(process.execPath, [render, '--settings', settings, '--print', 'admin'])
    expect(pages.stdout).toBe(pagesConf(readSettings({ ...names, httpsPort: 1_111 }), 'admin'))
  })

  test('names what is wrong, and writes nothing', async () => {
    const folder = await tempFolder('nora-render-')
    const cases = [
      [['--public-host', 'a b'], 'publicHost must be a host name'],
      [['--nothing', 'x'], 'nothing'],
      [['--public-host', 'a.test', '--admin-host', 'b.test'], '--out FOLDER'],
      [['--settings', join(folder, 'gone.json')], 'gone.json'],
    ] as const
    for (const [args, message] of cases) {
      const more = message === '--out FOLDER' ? [] : ['--out', join(folder, 'conf')]
      await expect(run(process.execPath, [render, ...args, ...more])).rejects.toMatchObject({
        code: 2,
        stderr: expect.stringContaining(message),
      })
    }
    expect(await readdir(folder)).toEqual([])
    expect((await run(process.execPath, [render, '--help'])).stdout).toContain('--real-ip')
  })

  test('the example is complete', async () => {
    const example = await readFile(new URL('./edge.example.json', import.meta.url), 'utf8')
    expect(readSettings(JSON.parse(example)).realCertificate).toBe(true)
  })
})
