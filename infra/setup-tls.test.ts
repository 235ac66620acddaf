import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { promisify } from 'node:util'
import { tempFolder } from '@nora/testing/temp-folder'
import { waitUntil } from '@nora/testing/wait-until'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { acmeStandIn } from './nginx/testing/acme-stand-in.ts'
import {
  adminHost,
  type Edge,
  edgePorts,
  publicHost,
  setupTls,
  startEdge,
} from './nginx/testing/start-edge.ts'

const run = promisify(execFile)
const isRoot = process.getuid?.() === 0
const names = ['--public-host', 'nora.test', '--admin-host', 'admin.nora.test']
const selfSigned = (dir: string, ...more: string[]) =>
  run(setupTls, ['--self-signed', '--dir', dir, ...names, ...more])
const certificateIn = async (dir: string) => new X509Certificate(await readFile(join(dir, 'fullchain.pem')))

const ending: (() => unknown)[] = []
afterAll(async () => {
  for (const end of ending) await end()
})

describe('a certificate that signs itself', () => {
  test('is for every name, on P-256, for at most 825 days, and its key is for nginx alone', async () => {
    const dir = join(await tempFolder('nora-tls-'), 'tls')
    await selfSigned(
      dir,
      '--agents-domain',
      'agents.test',
      '--name',
      '192.168.1.5',
      '--name',
      'LAN',
      '--name',
      '[fd00::5]',
    )
    const made = await certificateIn(dir)
    for (const name of ['nora.test', 'admin.nora.test', 'agents.test', 'a.agents.test', 'localhost', 'lan'])
      expect(made.checkHost(name), name).toBeDefined()
    for (const address of ['127.0.0.1', '192.168.1.5', 'fd00::5']) expect(made.checkIP(address)).toBeDefined()
    expect(made.checkHost('evil.example')).toBeUndefined()
    expect(made.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1')
    expect(made.ca).toBe(false)
    const days = (Date.parse(made.validTo) - Date.now()) / 86_400_000
    expect(Math.round(days)).toBe(397)
    const key = await stat(join(dir, 'privkey.pem'))
    expect(key.mode & 0o777).toBe(0o600)
    if (isRoot) expect(key.uid).toBe(10_101)
  })

  test('stays while it is good for the same names; others make a new one', async () => {
    const dir = await tempFolder('nora-tls-')
    await selfSigned(dir, '--name', '::1')
    const first = (await certificateIn(dir)).serialNumber
    await selfSigned(dir, '--name', '::1')
    expect((await certificateIn(dir)).serialNumber).toBe(first)
    await selfSigned(dir, '--name', 'other.test')
    expect((await certificateIn(dir)).serialNumber).not.toBe(first)
    await selfSigned(dir, '--name', 'other.test', '--force', '--days', '10')
    const short = await run(setupTls, ['--status', '--dir', dir]).catch((error) => error)
    expect([short.code, short.stdout]).toEqual([1, expect.stringContaining('days left: ')])
    // What ends soon is made anew.
    await selfSigned(dir, '--name', 'other.test')
    const status = await run(setupTls, ['--status', '--dir', dir])
    expect(status.stdout).toMatch(/^kind: self-signed\nnames: .*other\.test.*\ndays left: 39[67]\n$/)
  })

  test('goes into the stack of containers too, where that was set up', async () => {
    const config = await tempFolder('nora-tls-')
    await mkdir(join(config, 'compose/secrets/nginx'), { recursive: true })
    const stack = `NORA_DATA_DIR=${config}/data\nNORA_PROJECT=nora-nobodys\n`
    await writeFile(join(config, 'compose/.env'), stack)
    const { stdout } = await run(setupTls, ['--self-signed', '--config', config, ...names])
    expect(stdout).toContain('nora-nobodys-nginx does not run')
    const [one, other] = await Promise.all(
      ['tls', 'compose/secrets/nginx'].map((folder) => readFile(join(config, folder, 'privkey.pem'), 'utf8')),
    )
    expect(one).toBe(other)
    expect((await stat(join(config, 'compose/secrets/nginx/privkey.pem'))).mode & 0o777).toBe(0o400)
    expect(await readdir(join(config, 'compose/secrets/nginx'))).toEqual(['fullchain.pem', 'privkey.pem'])
    // What was derived anew in between is put right.
    await writeFile(join(config, 'compose/secrets/nginx/fullchain.pem'), 'another')
    await run(setupTls, ['--self-signed', '--config', config, ...names])
    await certificateIn(join(config, 'compose/secrets/nginx'))
  })

  test('is none where there is none', async () => {
    const dir = await tempFolder('nora-tls-')
    await expect(run(setupTls, ['--status', '--dir', dir])).rejects.toMatchObject({ code: 1 })
  })
})

describe('what is asked for wrongly', () => {
  const cases: [string, string[]][] = [
    ['nothing', []],
    ['two things', ['--self-signed', '--certbot']],
    ['a name missing', ['--self-signed', '--public-host', 'a.test']],
    ['a command in a name', ['--self-signed', '--public-host', 'a;id', '--admin-host', 'b.test']],
    ['a wildcard', ['--self-signed', '--public-host', '*.test', '--admin-host', 'b.test']],
    ['a line break', ['--self-signed', '--public-host', 'a.test\nx', '--admin-host', 'b.test']],
    ['an option of openssl', ['--self-signed', '--public-host', '-newkey', '--admin-host', 'b.test']],
    ['another subject', ['--self-signed', '--public-host', 'a.test,dns:b', '--admin-host', 'b.test']],
    ['a path with a space', ['--status', '--dir', '/tmp/a b']],
    ['a way up', ['--status', '--dir', '/tmp/../etc']],
    ['too many days', ['--self-signed', ...names, '--days', '826']],
    ['no e-mail address', ['--certbot', ...names]],
    ['an address that is none', ['--certbot', '--email', 'a@b;id', ...names]],
    [
      'a name that is nobody’s',
      ['--certbot', '--email', 'a@nora.org', '--public-host', 'localhost', '--admin-host', 'b.org'],
    ],
    [
      'an address in place of a name',
      ['--certbot', '--email', 'a@nora.org', '--public-host', '10.0.0.1', '--admin-host', 'b.org'],
    ],
    ['a container', ['--deploy', '--container', 'a b']],
    ['an unknown option', ['--everything']],
    ['a value missing', ['--status', '--dir']],
  ]
  test.each(cases)('%s is refused, and says how to do better', async (_, args) => {
    const refused = await run(setupTls, args).catch((error) => error)
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/^error: .*\n {2}fix: /s)])
  })

  test('--help says everything', async () => {
    expect((await run(setupTls, ['--help'])).stdout).toContain('--staging')
  })
})

describe('a certificate of an ACME server', () => {
  let edge: Edge
  let acme: Awaited<ReturnType<typeof acmeStandIn>>
  let certbotDir: string
  beforeAll(async () => {
    edge = await startEdge(await edgePorts())
    ending.push(edge.close)
    acme = await acmeStandIn(() => edge.httpPort)
    ending.push(acme.close)
    certbotDir = await tempFolder('nora-certbot-')
  })
  const serialShown = () =>
    new Promise<string>((resolve, reject) => {
      const socket = connect(
        { host: '127.0.0.1', port: edge.httpsPort, servername: publicHost, rejectUnauthorized: false },
        () => {
          resolve(socket.getPeerCertificate().serialNumber)
          socket.destroy()
        },
      )
      socket.on('error', reject)
    })
  const certbot = (...more: string[]) => {
    const owner = isRoot ? ['--owner', '65534'] : []
    const where = [
      '--dir',
      join(edge.folder, 'tls'),
      '--webroot',
      join(edge.folder, 'acme'),
      '--pid-file',
      edge.pidFile,
    ]
    const asked = [
      '--certbot',
      '--email',
      'admin@nora.test',
      '--public-host',
      publicHost,
      '--admin-host',
      adminHost,
    ]
    return run(setupTls, [
      ...asked,
      ...where,
      ...owner,
      '--server',
      acme.directory,
      '--certbot-dir',
      certbotDir,
      ...more,
    ])
  }

  test('comes through the running nginx, which shows it at once; certbot renews it with the same hook', async () => {
    const before = await serialShown()

    await certbot()
    expect(acme.fetched.map((line) => line.split(' ')[0]).sort()).toEqual([adminHost, publicHost])
    const dir = join(edge.folder, 'tls')
    const got = await certificateIn(dir)
    expect(got.subjectAltName?.split(', ').sort()).toEqual([`DNS:${adminHost}`, `DNS:${publicHost}`])
    expect(got.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1')
    // While nginx changes over, a process of before may still answer: whatever is shown is one of the two.
    const shown = await waitUntil('nginx to show another', async () => {
      const serial = await serialShown()
      return serial !== before && serial
    })
    expect(shown).toBe(got.serialNumber)
    expect((await run(setupTls, ['--status', '--dir', dir])).stdout).toMatch(/^kind: issued/)
    const key = await stat(join(dir, 'privkey.pem'))
    expect([key.mode & 0o777, key.uid]).toEqual([0o600, isRoot ? 65_534 : process.getuid?.()])

    // Again: nothing is due, so nobody is asked.
    await certbot()
    expect(acme.orders).toHaveLength(1)

    const renewed = await run(setupTls, ['--renew', '--force', '--certbot-dir', certbotDir])
    expect(renewed.stdout + renewed.stderr).toMatch(/nora/)
    expect(acme.orders).toHaveLength(2)
    const next = (await certificateIn(dir)).serialNumber
    expect(next).not.toBe(shown)
    await waitUntil('nginx to show the next', async () => (await serialShown()) === next)
  })

  test('is not replaced by one that signs itself, unless forced', async () => {
    const dir = join(edge.folder, 'tls')
    await certbot()
    const before = (await certificateIn(dir)).serialNumber
    await expect(selfSigned(dir)).rejects.toMatchObject({
      stderr: expect.stringContaining('real certificate'),
    })
    expect((await certificateIn(dir)).serialNumber).toBe(before)
    await selfSigned(dir, '--force')
    expect((await run(setupTls, ['--status', '--dir', dir])).stdout).toMatch(/^kind: self-signed/)
  })

  test('that cannot be had leaves the one that is there', async () => {
    const before = await serialShown()
    acme.close()
    await expect(certbot('--force')).rejects.toMatchObject({
      stderr: expect.stringContaining('certbot got no certificate'),
    })
    expect(await serialShown()).toBe(before)
  })
})
