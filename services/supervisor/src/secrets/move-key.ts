import { open, readFile, rename, rm } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { parseEnv } from 'node:util'
import {
  entryOf,
  type KeySource,
  keySourceOf,
  openKeySource,
  readPrivateFile,
  writeKeyring,
} from '@nora/config/encryption-key'
import { sealKeyFile } from '@nora/crypto/sealed-key-file'
import { readEnvFile, type Variables } from '../env-files.ts'
import { keyTextOf } from './open-key.ts'

/** Reads `env`, `file:/path`, `keyring:<service>/<account>`, `sealed-file` or `sealed-file:/path`. Throws for anything else. */
export function destinationOf(text: string, config: string): KeySource {
  const [, kind, rest] = /^(env|file|keyring|sealed-file)(?::(.+))?$/.exec(text) ?? []
  if (kind === 'env' && !rest) return { kind }
  if (kind === 'keyring' && rest) return { kind, ...entryOf(rest) }
  const path = rest ?? (kind === 'sealed-file' ? join(config, 'encryption-key.sealed') : '')
  if ((kind === 'file' || kind === 'sealed-file') && isAbsolute(path)) return { kind, path }
  throw new Error('say where to: env, file:/path, keyring:<service>/<account> or sealed-file[:/path]')
}

/** Where the key comes from, for people; nothing of the key. */
export function describeSource(source: KeySource | undefined): string {
  if (!source) return 'nowhere: run ./setup.sh'
  if (source.kind === 'env') return 'worker.env'
  if (source.kind === 'keyring') return `the keyring’s entry ${source.service}/${source.account}`
  return `${source.kind === 'file' ? 'the file' : 'the sealed file'} ${source.path}`
}

type Ask = { passphraseFile?: string | undefined; current(): Promise<string>; fresh(): Promise<string> }

/**
 * Moves ENCRYPTION_KEY to another source: written there, read back and compared, and only then does worker.env name the new one. What
 * it was read from stays, but for worker.env itself, and is told: the last copy is nobody's but the operator's to remove.
 * @returns where it was.
 */
export async function moveKey(config: string, to: KeySource, ask: Ask): Promise<KeySource> {
  const worker = await readEnvFile(config, 'worker')
  const from = keySourceOf(worker)
  const text = await keyTextOf(worker, ask.current)
  if (!from || !/^[0-9a-f]{64}$/i.test(text))
    throw new Error('ENCRYPTION_KEY is not 64 hex characters: nothing was changed')
  if (describeSource(from) === describeSource(to)) throw new Error(`it is in ${describeSource(to)} already`)
  const names = await put(to, text, ask)
  const path = join(config, 'worker.env')
  const lines = (await readFile(path, 'utf8')).split('\n')
  const isSource = /^\s*(?:export\s+)?ENCRYPTION_KEY(?:_FILE|_KEYRING|_SEALED_FILE|_PASSPHRASE_FILE)?\s*=/
  const kept = lines.filter((line) => !isSource.test(line)).join('\n')
  const gap = kept === '' || kept.endsWith('\n') ? '' : '\n'
  const added = Object.entries(names).map(([name, value]) => `${name}=${value}\n`)
  const changed = kept + gap + added.join('')
  const named = keySourceOf(parseEnv(changed))
  if (JSON.stringify(named) !== JSON.stringify(to))
    throw new Error('worker.env could not be changed: do it by hand')
  await rm(`${path}.new`, { force: true })
  await writeWhole(`${path}.new`, changed)
  await rename(`${path}.new`, path)
  return from
}

/** Writes the key to its new place, checks that it opens there, and gives what worker.env has to say. */
async function put(to: KeySource, text: string, ask: Ask): Promise<Variables> {
  const check = (found: string) => {
    if (found !== text) throw new Error(`${describeSource(to)} gives another key back: nothing was changed`)
  }
  switch (to.kind) {
    case 'env':
      return { ENCRYPTION_KEY: text }
    case 'file':
      await writeWhole(to.path, `${text}\n`)
      check(readPrivateFile(to.path, 'ENCRYPTION_KEY_FILE').trim())
      return { ENCRYPTION_KEY_FILE: to.path }
    case 'keyring':
      writeKeyring(to, text)
      check(openKeySource(to, {}))
      return { ENCRYPTION_KEY_KEYRING: `${to.service}/${to.account}` }
    case 'sealed-file': {
      const file = ask.passphraseFile
      const passphrase = file
        ? readPrivateFile(file, 'ENCRYPTION_KEY_PASSPHRASE_FILE').replace(/\r?\n$/, '')
        : await ask.fresh()
      const key = Buffer.from(text, 'hex')
      await writeWhole(to.path, sealKeyFile(key, passphrase))
      key.fill(0)
      check(openKeySource(to, {}, passphrase).toLowerCase() === text.toLowerCase() ? text : '')
      return {
        ENCRYPTION_KEY_SEALED_FILE: to.path,
        ...(file ? { ENCRYPTION_KEY_PASSPHRASE_FILE: file } : {}),
      }
    }
  }
}

/** A file that was not there before, mode 0600, on the disk when this resolves. */
async function writeWhole(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw new Error(
      error.code === 'EEXIST' ? `${path} is there already` : `${path} cannot be written: ${error.code}`,
    )
  })
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}
