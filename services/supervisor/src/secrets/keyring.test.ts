import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findProgram } from '@nora/embedded/find-program'
import { afterEach, beforeEach, expect, test } from 'vitest'

const main = join(import.meta.dirname, '../main.ts')
const programs = ['dbus-run-session', 'gnome-keyring-daemon', 'secret-tool']
let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nora-keyring-'))
})
afterEach(() => rm(folder, { recursive: true }))

/** Runs lines of sh in a session of their own with an unlocked Secret Service, whose files are in the test's folder. */
const inSession = (lines: string[]) =>
  spawnSync(
    'dbus-run-session',
    [
      '--',
      'sh',
      '-ec',
      ['printf test | gnome-keyring-daemon --unlock --components=secrets', ...lines].join('\n'),
    ],
    {
      env: { PATH: process.env['PATH'], HOME: folder, XDG_RUNTIME_DIR: folder, XDG_DATA_HOME: folder },
      ...{ encoding: 'utf8', timeout: 170_000 },
    },
  )

test.runIf(programs.every((one) => findProgram(one)))(
  'the key moves into a real keyring, is read from there, and moves out again',
  async () => {
    const hex = randomBytes(32).toString('hex')
    const config = join(folder, 'p/etc/nora')
    spawnSync('mkdir', ['-p', config])
    await writeFile(join(config, 'worker.env'), `ENCRYPTION_KEY=${hex}\n`, { mode: 0o600 })
    const command = `"${process.execPath}" "${main}" --prefix "${folder}/p" encryption-key`
    const done = inSession([
      `${command} keyring:nora-test/encryption-key`,
      `cp "${config}/worker.env" "${folder}/during"`,
      'secret-tool search --all service nora-test 2>&1 | grep -c "^secret = "',
      command,
      `${command} env`,
    ])
    expect(done.stderr + done.stdout).toContain('the keyring’s entry nora-test/encryption-key')
    expect(done.status, done.stderr).toBe(0)
    expect(done.stdout).not.toContain(hex)
    expect(await readFile(join(folder, 'during'), 'utf8')).toBe(
      'ENCRYPTION_KEY_KEYRING=nora-test/encryption-key\n',
    )
    expect(await readFile(join(config, 'worker.env'), 'utf8')).toBe(`ENCRYPTION_KEY=${hex}\n`)
  },
)

test('where there is no keyring, it says so and changes nothing', async () => {
  const config = join(folder, 'p/etc/nora')
  spawnSync('mkdir', ['-p', config])
  const text = `ENCRYPTION_KEY=${randomBytes(32).toString('hex')}\n`
  await writeFile(join(config, 'worker.env'), text, { mode: 0o600 })
  const done = spawnSync(
    process.execPath,
    [main, '--prefix', join(folder, 'p'), 'encryption-key', 'keyring:a/b'],
    {
      env: { PATH: process.env['PATH'], HOME: folder, DBUS_SESSION_BUS_ADDRESS: `unix:path=${folder}/none` },
      ...{ encoding: 'utf8', timeout: 170_000 },
    },
  )
  expect(done.status).toBe(1)
  expect(done.stderr).toMatch(/keyring/i)
  expect(await readFile(join(config, 'worker.env'), 'utf8')).toBe(text)
})
