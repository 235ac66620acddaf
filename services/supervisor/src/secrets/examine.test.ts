import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, chown, mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Layout, layoutFor } from '../layout.ts'
import { examineSecrets } from './examine.ts'
import { completeRecord, recordRotation } from './record.ts'

const hex = () => randomBytes(32).toString('hex')
let folder = ''
let layout: Layout
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nora-examine-'))
  layout = layoutFor({ root: false, prefix: folder, code: folder })
  await mkdir(layout.config, { recursive: true, mode: 0o700 })
  await write('api.env', `JWT_SECRET=${hex()}\n`)
  await write('worker.env', `ENCRYPTION_KEY=${hex()}\n`)
  await write('migrate.env', `NORA_DB_PASSWORD_APP=${hex()}\n`)
  await completeRecord(layout.config)
})
afterEach(() => rm(folder, { recursive: true }))

const at = (name: string) => join(layout.config, name)
async function write(name: string, text: string, mode = 0o600) {
  await writeFile(at(name), text, { mode })
  await chmod(at(name), mode)
}
async function findings(now = Date.now()) {
  const found: string[] = []
  await examineSecrets(
    layout,
    (ok, what, fix, level) => {
      if (!ok) found.push(`${level}: ${what} -> ${fix}`)
    },
    now,
  )
  return found
}

test('a new installation has nothing to say', async () => {
  expect(await findings()).toEqual([])
})

test('one past its cadence is overdue, and the command that exchanges it is named; a new one is not', async () => {
  const later = Date.now() + 200 * 86_400_000
  expect(await findings(later)).toEqual([
    `warning: JWT_SECRET is 200 days old, its cadence is 180 -> run ./setup.sh --prefix ${folder} --rotate jwt`,
  ])
  await recordRotation(layout.config, ['JWT_SECRET'], new Date(later - 86_400_000))
  expect(await findings(later)).toEqual([])
})

test('an operator’s own secret is overdue with the way to say that it was replaced', async () => {
  await write('api.env', `JWT_SECRET=${hex()}\nNORA_OIDC_CLIENT_SECRET=theirs\n`)
  await completeRecord(layout.config)
  await recordRotation(layout.config, ['JWT_SECRET', 'ENCRYPTION_KEY', 'NORA_DB_PASSWORD_APP'])
  const old = new Date('2024-01-01T00:00:00.000Z')
  await utimes(at('api.env'), old, old)
  await recordRotation(layout.config, ['NORA_OIDC_CLIENT_SECRET'], old)
  expect(await findings()).toEqual([
    expect.stringMatching(
      /^warning: NORA_OIDC_CLIENT_SECRET is \d+ days old.*--secret-replaced NORA_OIDC_CLIENT_SECRET$/,
    ),
  ])
})

test('what others may read is found wherever it is, with its fix', async () => {
  await chmod(at('worker.env'), 0o640)
  await chmod(layout.config, 0o755)
  await mkdir(at('tls'), { mode: 0o700 })
  await write('tls/privkey.pem', 'key', 0o644)
  await write('tls/other.txt', 'x', 0o600)
  await mkdir(at('nginx'), { mode: 0o755 })
  await write('nginx/nginx.conf', 'worker_processes auto;', 0o644)
  await writeFile(join(folder, 'elsewhere'), hex(), { mode: 0o644 })
  await write('migrate.env', `NORA_DB_PASSWORD_APP_FILE=${join(folder, 'elsewhere')}\n`)
  expect((await findings()).sort()).toEqual(
    [
      `problem: ${layout.config} is open to others -> chmod 700 ${layout.config}`,
      `problem: ${at('worker.env')} is open to others -> chmod 600 ${at('worker.env')}`,
      `problem: ${at('tls/privkey.pem')} is open to others -> chmod 600 ${at('tls/privkey.pem')}`,
      `problem: ${join(folder, 'elsewhere')} (NORA_DB_PASSWORD_APP_FILE) is open to others -> chmod 600 ${join(folder, 'elsewhere')}`,
    ].sort(),
  )
})

test('what setup-tls.sh makes for the stack’s nginx is as it should be', async () => {
  await mkdir(at('tls'), { mode: 0o755 })
  await write('tls/privkey.pem', 'key', 0o600)
  if (process.getuid?.() === 0) await chown(at('tls/privkey.pem'), 10101, 10101)
  expect(await findings()).toEqual([])
})

test.each([
  'worker.env~',
  '.worker.env.swp',
  'api.env.bak',
  '#api.env#',
  'worker.env.new',
  'secrets.json.new',
])('a copy is found: %s', async (name) => {
  await write(name, 'x')
  expect(await findings()).toEqual([expect.stringMatching(/^warning: .* is a copy of secrets -> .*rm /)])
  await chmod(at(name), 0o644)
  expect(await findings()).toEqual([
    expect.stringMatching(/^problem: .* is a copy of secrets, open to others/),
  ])
})

test.runIf(process.getuid?.() === 0)('a file elsewhere that a setting names belongs to us', async () => {
  const path = join(folder, 'elsewhere')
  await writeFile(path, hex(), { mode: 0o600 })
  await write('migrate.env', `NORA_DB_PASSWORD_APP_FILE=${path}\n`)
  expect(await findings()).toEqual([])
  await chown(path, 10104, 10104)
  expect(await findings()).toEqual([
    `problem: ${path} (NORA_DB_PASSWORD_APP_FILE) belongs to user 10104, not 0 -> chown 0 ${path}`,
  ])
})

test.runIf(process.getuid?.() === 0)('files of containers belong to the container’s user alone', async () => {
  for (const path of ['compose', 'compose/secrets', 'compose/secrets/api'])
    await mkdir(at(path), { mode: 0o700 })
  await write('compose/.env', 'NORA_PROJECT=x', 0o644)
  await write('compose/secrets/api/JWT_SECRET', 'x', 0o400)
  await chown(at('compose/secrets/api'), 10103, 10103)
  await chown(at('compose/secrets/api/JWT_SECRET'), 10103, 10103)
  expect(await findings()).toEqual([])
  await chown(at('compose/secrets/api/JWT_SECRET'), 10104, 10104)
  await chmod(at('compose/secrets/api/JWT_SECRET'), 0o440)
  const path = at('compose/secrets/api/JWT_SECRET')
  expect(await findings()).toEqual([
    `problem: ${path} is open to others -> chmod 400 ${path}`,
    `problem: ${path} belongs to user 10104, not 10103 -> chown 10103:10103 ${path}`,
  ])
})

test('a secret that is given twice, or to a process that must not hold it', async () => {
  await write('worker.env', `ENCRYPTION_KEY=${hex()}\nENCRYPTION_KEY_KEYRING=a/b\nJWT_SECRET=${hex()}\n`)
  expect(await findings()).toEqual([
    `problem: JWT_SECRET must not be in ${at('worker.env')} -> remove it from ${at('worker.env')}`,
    `problem: ENCRYPTION_KEY is given 2 times: ENCRYPTION_KEY, ENCRYPTION_KEY_KEYRING -> keep one in ${at('worker.env')}`,
  ])
})

test('a weak value is named, not shown', async () => {
  await write('api.env', `JWT_SECRET=${hex()},short-and-old\n`)
  await write('migrate.env', 'NORA_DB_PASSWORD_APP=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n')
  const found = await findings()
  expect(found).toEqual([
    expect.stringContaining('JWT_SECRET is shorter than 32 bytes -> run ./setup.sh --prefix'),
    expect.stringContaining('NORA_DB_PASSWORD_APP has too little entropy'),
  ])
  expect(found.join()).not.toMatch(/short-and-old|aaaa/)
})

test('a certificate is asked for before it ends', async () => {
  await mkdir(at('tls'), { mode: 0o700 })
  const files = ['-keyout', at('tls/privkey.pem'), '-out', at('tls/fullchain.pem')]
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=x', '-days', '30', ...files],
    {
      stdio: 'ignore',
    },
  )
  const day = 86_400_000
  expect(await findings()).toEqual([])
  expect(await findings(Date.now() + 10 * day)).toEqual([
    expect.stringMatching(/^warning: the certificate ends in (19|20) days/),
  ])
  expect(await findings(Date.now() + 40 * day)).toEqual([
    expect.stringMatching(/^problem: the certificate ended \d+ days ago/),
  ])
})
