import { execFileSync } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sealKeyFile } from '@nora/crypto/sealed-key-file'
import { afterAll, expect, test } from 'vitest'
import type { ConfigError, Environment } from './reader.ts'
import { loadWorkerConfig } from './worker.ts'

const folder = mkdtempSync(join(tmpdir(), 'nora-key-'))
afterAll(() => rmSync(folder, { recursive: true }))

const key = randomBytes(32)
const hex = key.toString('hex')
const passphrase = 'a passphrase of some length'
const file = (name: string, text: string, mode = 0o600) => {
  const path = join(folder, name)
  writeFileSync(path, text, { mode })
  chmodSync(path, mode)
  return path
}
const sealed = file('sealed', sealKeyFile(key, passphrase))
const phrase = file('phrase', `${passphrase}\n`)
const rest = {
  DATABASE_URL: `postgres://nora_worker:${randomBytes(32).toString('hex')}@127.0.0.1:5432/nora`,
  REDIS_URL: 'redis://127.0.0.1:6379',
  NORA_CAPABILITY_PUBLIC_KEY: randomBytes(32).toString('base64url'),
  NORA_INSTALLATION_ID: randomUUID(),
  NORA_KEYS_DIR: '/run/nora/keys',
  NORA_DATA_DIR: '/var/lib/nora/worker',
}
const keyFrom = (env: Environment) => loadWorkerConfig({ ...rest, ...env }).encryptionKey.toString('hex')
const refusal = (env: Environment): string[] => {
  try {
    keyFrom(env)
    return []
  } catch (error) {
    return [...(error as ConfigError).problems]
  }
}

test.each([
  ['the environment', { ENCRYPTION_KEY: hex }],
  ['a file', { ENCRYPTION_KEY_FILE: file('plain', `${hex}\n`) }],
  ['a sealed file', { ENCRYPTION_KEY_SEALED_FILE: sealed, ENCRYPTION_KEY_PASSPHRASE_FILE: phrase }],
])('the worker takes its key from %s', (_, env) => {
  expect(keyFrom(env)).toBe(hex)
})

test('the passphrase may come as a credential of systemd', () => {
  const credentials = join(folder, 'credentials')
  mkdirSync(credentials)
  expect(refusal({ ENCRYPTION_KEY_SEALED_FILE: sealed, CREDENTIALS_DIRECTORY: credentials })).toHaveLength(1)
  file('credentials/encryption-key-passphrase', passphrase, 0o400)
  expect(keyFrom({ ENCRYPTION_KEY_SEALED_FILE: sealed, CREDENTIALS_DIRECTORY: credentials })).toBe(hex)
})

test.each([
  ['ENCRYPTION_KEY', 'ENCRYPTION_KEY_SEALED_FILE'],
  ['ENCRYPTION_KEY_FILE', 'ENCRYPTION_KEY_KEYRING'],
  ['ENCRYPTION_KEY_KEYRING', 'ENCRYPTION_KEY_SEALED_FILE'],
  ['ENCRYPTION_KEY', 'ENCRYPTION_KEY_FILE'],
])('two sources are refused: %s and %s', (one, other) => {
  const values: Record<string, string> = {
    ...{ ENCRYPTION_KEY: hex, ENCRYPTION_KEY_FILE: join(folder, 'plain') },
    ...{ ENCRYPTION_KEY_KEYRING: 'nora/key', ENCRYPTION_KEY_SEALED_FILE: sealed },
  }
  expect(
    refusal({ [one]: values[one], [other]: values[other], ENCRYPTION_KEY_PASSPHRASE_FILE: phrase }),
  ).toEqual([`ENCRYPTION_KEY is given more than once: keep one of ${one}, ${other}`])
})

const openTo = (name: string, mode: number) => file(name, name === 'wide-phrase' ? passphrase : 'x', mode)
test.each([
  ['no passphrase', { ENCRYPTION_KEY_SEALED_FILE: sealed }, 'ENCRYPTION_KEY_PASSPHRASE_FILE is missing'],
  [
    'a wrong passphrase',
    {
      ENCRYPTION_KEY_SEALED_FILE: sealed,
      ENCRYPTION_KEY_PASSPHRASE_FILE: file('wrong', 'another passphrase'),
    },
    'does not open: the passphrase is wrong, or the file is no sealed key or was changed',
  ],
  [
    'a passphrase that others may read',
    { ENCRYPTION_KEY_SEALED_FILE: sealed, ENCRYPTION_KEY_PASSPHRASE_FILE: openTo('wide-phrase', 0o640) },
    'wide-phrase is open to others: chmod 600 ',
  ],
  [
    'a sealed file that others may read',
    { ENCRYPTION_KEY_SEALED_FILE: openTo('wide', 0o604), ENCRYPTION_KEY_PASSPHRASE_FILE: phrase },
    'wide is open to others: chmod 600 ',
  ],
  [
    'a sealed file that is gone',
    { ENCRYPTION_KEY_SEALED_FILE: join(folder, 'gone'), ENCRYPTION_KEY_PASSPHRASE_FILE: phrase },
    'cannot be read: ENOENT',
  ],
  [
    'a device in its place',
    { ENCRYPTION_KEY_SEALED_FILE: '/dev/zero', ENCRYPTION_KEY_PASSPHRASE_FILE: phrase },
    'ENCRYPTION_KEY_SEALED_FILE /dev/zero is no file',
  ],
  ['a keyring entry without account', { ENCRYPTION_KEY_KEYRING: 'nora' }, 'must be <service>/<account>'],
])('refused, in one line that holds no secret: %s', (_, env, said) => {
  const problems = refusal(env)
  expect(problems).toEqual([expect.stringContaining(said)])
  expect(problems[0]).toMatch(/^ENCRYPTION_KEY_(SEALED_FILE|PASSPHRASE_FILE|KEYRING) /)
  expect(problems[0]).not.toContain(passphrase)
  expect(problems[0]).not.toContain(hex.slice(0, 16))
})

const isRoot = process.geteuid?.() === 0
const ownedBy = (name: string, text: string, uid: number) => {
  const path = file(name, text)
  chownSync(path, uid, uid)
  return path
}

test.runIf(isRoot)('a file of somebody else is refused, and the line says who it has to belong to', () => {
  const theirs = ownedBy('their-sealed', sealKeyFile(key, passphrase), 65_533)
  expect(refusal({ ENCRYPTION_KEY_SEALED_FILE: theirs, ENCRYPTION_KEY_PASSPHRASE_FILE: phrase })).toEqual([
    `ENCRYPTION_KEY_SEALED_FILE ${theirs} belongs to user 65533, neither root nor 0: chown 0 ${theirs}`,
  ])
  const words = ownedBy('their-phrase', passphrase, 65_533)
  expect(refusal({ ENCRYPTION_KEY_SEALED_FILE: sealed, ENCRYPTION_KEY_PASSPHRASE_FILE: words })).toEqual([
    `ENCRYPTION_KEY_PASSPHRASE_FILE ${words} belongs to user 65533, neither root nor 0: chown 0 ${words}`,
  ])
})

test.runIf(isRoot)(
  'whoever is not root takes their own and root’s, and nobody else’s that they could read',
  () => {
    chmodSync(folder, 0o711)
    const module = new URL('./encryption-key.ts', import.meta.url)
    const program = `import { readPrivateFile } from '${module}'; process.stdout.write(readPrivateFile(process.argv[1], 'X'))`
    // A user who reads every file: what is refused is refused for its owner alone.
    const who = ['--reuid=65534', '--regid=65534', '--clear-groups']
    const mayRead = ['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search']
    const read = (uid: number) => {
      const node = [process.execPath, '--input-type=module', '-e', program, ownedBy(`of-${uid}`, 'text', uid)]
      return execFileSync('setpriv', [...who, ...mayRead, ...node], { encoding: 'utf8', stdio: 'pipe' })
    }
    expect([read(0), read(65_534)]).toEqual(['text', 'text'])
    expect(() => read(65_533)).toThrow(/belongs to user 65533, neither root nor 65534: chown 65534 /)
  },
)
