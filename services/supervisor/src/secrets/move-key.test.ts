import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findProgram } from '@nora/embedded/find-program'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readEnvFile } from '../env-files.ts'
import { destinationOf, moveKey } from './move-key.ts'
import { keyTextOf } from './open-key.ts'
import { completeRecord } from './record.ts'

const hex = randomBytes(32).toString('hex')
const passphrase = 'a passphrase of some length'
let config = ''
let env = ''
beforeEach(async () => {
  config = await mkdtemp(join(tmpdir(), 'nora-move-'))
  env = join(config, 'worker.env')
  await writeFile(env, `# mine\nENCRYPTION_KEY=${hex}\nNORA_LOG_LEVEL=debug\n`, { mode: 0o600 })
})
afterEach(() => rm(config, { recursive: true }))

const ask = { current: async () => passphrase, fresh: async () => passphrase }
const move = (to: string) => moveKey(config, destinationOf(to, config), ask)
const keyNow = async () => keyTextOf(await readEnvFile(config, 'worker'), ask.current)

test('the key goes from place to place and stays the same; worker.env keeps what else is in it', async () => {
  for (const to of ['sealed-file', `file:${join(config, 'key')}`, 'env']) {
    await move(to)
    expect(await keyNow()).toBe(hex)
    const text = await readFile(env, 'utf8')
    expect(text.includes(hex)).toBe(to === 'env')
    expect(text).toContain('# mine\nNORA_LOG_LEVEL=debug\n')
    expect(Object.keys(await completeRecord(config))).toEqual(['ENCRYPTION_KEY'])
  }
  for (const name of await readdir(config))
    expect((await stat(join(config, name))).mode & 0o077, name).toBe(0)
})

test('with a file for the passphrase, nobody is asked', async () => {
  const file = join(config, 'phrase')
  await writeFile(file, `${passphrase}\n`, { mode: 0o600 })
  const nobody = () => Promise.reject(new Error('somebody was asked'))
  await moveKey(config, destinationOf('sealed-file', config), {
    ...{ passphraseFile: file, current: nobody, fresh: nobody },
  })
  expect(await keyTextOf(await readEnvFile(config, 'worker'), nobody)).toBe(hex)
})

test('nothing changes when the new place is taken, the passphrase is short, or there are two sources', async () => {
  await writeFile(join(config, 'taken'), 'x')
  await expect(move(`file:${join(config, 'taken')}`)).rejects.toThrow('is there already')
  const short = { ...ask, fresh: async () => 'short' }
  await expect(moveKey(config, destinationOf('sealed-file', config), short)).rejects.toThrow('12 characters')
  await expect(move('env')).rejects.toThrow('it is in worker.env already')
  expect(await readFile(env, 'utf8')).toContain(`ENCRYPTION_KEY=${hex}\n`)
  await writeFile(env, `ENCRYPTION_KEY=${hex}\nENCRYPTION_KEY_KEYRING=a/b\n`)
  await expect(move('sealed-file')).rejects.toThrow('given more than once')
})

test.each(['', 'env:x', 'file', 'file:relative', 'keyring', 'keyring:a', 'keyring:a/b/c', 'vault:x'])(
  'no destination: %j',
  (text) => {
    expect(() => destinationOf(text, config)).toThrow(/say where to|must be <service>/)
  },
)

const main = join(import.meta.dirname, '../main.ts')
// A terminal of its own, made by util-linux, at which the passphrase is typed.
test.runIf(findProgram('script'))(
  'the passphrase is asked for on a terminal, and shown nowhere',
  async () => {
    const prefix = join(config, 'installed')
    const settings = join(prefix, 'etc/nora')
    spawnSync('mkdir', ['-p', settings])
    await writeFile(join(settings, 'worker.env'), `ENCRYPTION_KEY=${hex}\n`, { mode: 0o600 })
    const line = `${process.execPath} ${main} --prefix ${prefix} encryption-key sealed-file`
    const terminal = spawn('script', ['-qec', line, '/dev/null'])
    let shown = ''
    let answered = 0
    terminal.stdout.on('data', (chunk) => {
      shown += chunk
      const questions = shown.match(/New passphrase|same again/g)?.length ?? 0
      if (questions > answered) terminal.stdin.write(`${passphrase}\n`)
      answered = questions
    })
    const [status] = await once(terminal, 'close')
    expect([status, shown]).toEqual([0, expect.stringContaining('now comes from the sealed file')])
    expect(shown).not.toContain('some length')
    expect(shown).not.toContain(hex.slice(0, 16))
    const worker = await readEnvFile(settings, 'worker')
    expect(await keyTextOf(worker, ask.current)).toBe(hex)
  },
)

test('without a terminal it says what to do', async () => {
  await chmod(config, 0o700)
  await move('sealed-file')
  const prefix = join(config, 'p')
  spawnSync('mkdir', ['-p', join(prefix, 'etc')])
  spawnSync('ln', ['-s', config, join(prefix, 'etc/nora')])
  const done = spawnSync(process.execPath, [main, '--prefix', prefix, 'encryption-key', 'env'], {
    encoding: 'utf8',
  })
  expect([done.status, done.stderr]).toEqual([1, expect.stringContaining('there is no terminal to ask')])
})
