import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { openKeyFile } from '@nora/crypto/sealed-key-file'
import { commands, type Environment, type Reader } from './reader.ts'

/** Where ENCRYPTION_KEY comes from. An installation has exactly one. */
export type KeySource =
  | { kind: 'env' }
  | { kind: 'file'; path: string }
  | { kind: 'keyring'; service: string; account: string }
  | { kind: 'sealed-file'; path: string }

export const keySourceVariables = [
  'ENCRYPTION_KEY',
  'ENCRYPTION_KEY_FILE',
  'ENCRYPTION_KEY_KEYRING',
  'ENCRYPTION_KEY_SEALED_FILE',
] as const

export const howToMakeKey = `make one with \`${commands.hex32}\` and keep a copy off this machine`

/** The name under which systemd hands the passphrase over (LoadCredential= of the unit). */
const credential = 'encryption-key-passphrase'

/** The one source that an environment names, undefined for none. Throws for two, or for a keyring entry of another form. */
export function keySourceOf(env: Environment): KeySource | undefined {
  const given = keySourceVariables.filter((name) => env[name]?.trim())
  if (given.length > 1)
    throw new Error(`ENCRYPTION_KEY is given more than once: keep one of ${given.join(', ')}`)
  const name = given[0]
  const value = (name && env[name]?.trim()) ?? ''
  switch (name) {
    case 'ENCRYPTION_KEY':
      return { kind: 'env' }
    case 'ENCRYPTION_KEY_FILE':
      return { kind: 'file', path: value }
    case 'ENCRYPTION_KEY_KEYRING':
      return { kind: 'keyring', ...entryOf(value) }
    case 'ENCRYPTION_KEY_SEALED_FILE':
      return { kind: 'sealed-file', path: value }
    default:
      return undefined
  }
}

/** `<service>/<account>`. Throws for another form. */
export function entryOf(text: string): { service: string; account: string } {
  const [service, account, more] = text.split('/')
  if (service && account && more === undefined) return { service, account }
  throw new Error('ENCRYPTION_KEY_KEYRING must be <service>/<account>, such as nora/encryption-key')
}

/** The file that holds the passphrase of a sealed key: named, or handed over by systemd. */
export function passphraseFileOf(env: Environment): string | undefined {
  const named = env['ENCRYPTION_KEY_PASSPHRASE_FILE']?.trim()
  if (named) return named
  const folder = env['CREDENTIALS_DIRECTORY']
  const path = folder ? join(folder, credential) : undefined
  return path && statSync(path, { throwIfNoEntry: false }) ? path : undefined
}

/**
 * The key's text from the keyring or from a sealed file. Waits for argon2 (some half a second) and, with a keyring, for its daemon.
 * @param passphrase of a sealed file; without it the file is read that the environment names.
 * @throws Error that names the variable and what to do, and holds nothing of key or passphrase.
 */
export function openKeySource(
  source: Extract<KeySource, { kind: 'keyring' | 'sealed-file' }>,
  env: Environment,
  passphrase = passphraseFrom(source, env),
): string {
  if (source.kind === 'keyring') return readKeyring(source)
  const file = readPrivateFile(source.path, 'ENCRYPTION_KEY_SEALED_FILE')
  try {
    const key = openKeyFile(file, passphrase)
    try {
      return key.toString('hex')
    } finally {
      key.fill(0)
    }
  } catch (error) {
    throw new Error(`ENCRYPTION_KEY_SEALED_FILE ${source.path} does not open: ${(error as Error).message}`)
  }
}

function passphraseFrom(source: KeySource, env: Environment): string {
  if (source.kind !== 'sealed-file') return ''
  const path = passphraseFileOf(env)
  if (path) return readPrivateFile(path, 'ENCRYPTION_KEY_PASSPHRASE_FILE').replace(/\r?\n$/, '')
  throw new Error(
    'ENCRYPTION_KEY_PASSPHRASE_FILE is missing: the sealed key needs its passphrase from there, from systemd, or from a terminal at start (docs/secrets.md)',
  )
}

const maxFileBytes = 4096

/**
 * A small file of root's or of our own user that nobody else may read: whoever else owns it could put another text there, or open it
 * again. What is checked is what is read: the same open file. Throws Error that names the file and the command that mends it.
 */
export function readPrivateFile(path: string, name: string): string {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (error) {
    throw new Error(`${name} ${path} cannot be read: ${(error as NodeJS.ErrnoException).code}`)
  }
  try {
    const found = fstatSync(file)
    if (!found.isFile()) throw new Error(`${name} ${path} is no file`)
    const own = process.geteuid?.() ?? found.uid
    if (found.uid !== 0 && found.uid !== own)
      throw new Error(
        `${name} ${path} belongs to user ${found.uid}, neither root nor ${own}: chown ${own} ${path}`,
      )
    if ((found.mode & 0o077) !== 0) throw new Error(`${name} ${path} is open to others: chmod 600 ${path}`)
    const bytes = Buffer.alloc(maxFileBytes + 1)
    const length = readSync(file, bytes, 0, bytes.length, 0)
    if (length > maxFileBytes) throw new Error(`${name} ${path} is too long`)
    return bytes.toString('utf8', 0, length)
  } finally {
    closeSync(file)
  }
}

type Entry = { service: string; account: string }

/** Loaded by who uses it alone: a native module that looks for the session's bus. */
function keyring({ service, account }: Entry) {
  const { Entry } = createRequire(import.meta.url)('@napi-rs/keyring') as typeof import('@napi-rs/keyring')
  // The kernel's own keyring, which it would fall back to, forgets everything at a restart.
  return new Entry(service, account, { linux: { store: 'secret-service' } })
}

function readKeyring(entry: Entry): string {
  const name = `ENCRYPTION_KEY_KEYRING ${entry.service}/${entry.account}`
  let found: string | null
  try {
    found = keyring(entry).getPassword()
  } catch (error) {
    throw new Error(
      `${name} cannot be read (${(error as Error).message}): is the keyring there, and unlocked?`,
    )
  }
  if (!found) throw new Error(`${name} is not in the keyring`)
  return found
}

/** Puts a key into the keyring, in place of what has that name. */
export const writeKeyring = (entry: Entry, text: string): void => keyring(entry).setPassword(text)

/** ENCRYPTION_KEY from whichever source is given; problems go to the reader. */
export function readEncryptionKey(reader: Reader, env: Environment): Buffer {
  const text = keyText(reader, env)
  if (text === undefined) return Buffer.alloc(0)
  if (!/^[0-9a-f]{64}$/i.test(text)) {
    reader.problem('ENCRYPTION_KEY', `must be 64 hex characters: ${howToMakeKey}`)
    return Buffer.alloc(0)
  }
  reader.checkStrength('ENCRYPTION_KEY', text, howToMakeKey, 64)
  return Buffer.from(text, 'hex')
}

function keyText(reader: Reader, env: Environment): string | undefined {
  try {
    const source = keySourceOf(env)
    if (source?.kind === 'keyring' || source?.kind === 'sealed-file') return openKeySource(source, env)
  } catch (error) {
    // The message begins with the variable, as every problem does.
    const [name, ...rest] = (error as Error).message.split(' ')
    reader.problem(name as 'ENCRYPTION_KEY', rest.join(' '))
    return undefined
  }
  return reader.required('ENCRYPTION_KEY', howToMakeKey)
}
