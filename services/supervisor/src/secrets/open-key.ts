import { readFile } from 'node:fs/promises'
import { keySourceOf, openKeySource, passphraseFileOf } from '@nora/config/encryption-key'
import type { Variables } from '../env-files.ts'
import type { Installation } from '../installation.ts'
import { askPassphrase, passphraseQuestion } from './passphrase.ts'

/** What names a source beside the key itself; none of it is for a service that is given the key. */
const sourceNames = ['ENCRYPTION_KEY_KEYRING', 'ENCRYPTION_KEY_SEALED_FILE', 'ENCRYPTION_KEY_PASSPHRASE_FILE']

/** What the sources look at: the worker's file, and the folder in which systemd puts credentials. */
const environmentOf = (worker: Variables) => ({
  ...worker,
  CREDENTIALS_DIRECTORY: process.env['CREDENTIALS_DIRECTORY'],
})

/** Whether a start has to ask somebody for the passphrase: the key is sealed, and nothing says where the passphrase is. */
export function needsPassphrase(worker: Variables): boolean {
  try {
    return keySourceOf(worker)?.kind === 'sealed-file' && !passphraseFileOf(environmentOf(worker))
  } catch {
    return false // two sources: the worker refuses them by name
  }
}

/**
 * The installation with ENCRYPTION_KEY opened, in memory alone: what is derived from it needs it, whatever its source. Where two
 * sources are given it stays as it is, for the worker to refuse. Throws, naming the variable, when the source does not open.
 */
export function withEncryptionKey(installation: Installation, passphrase?: string): Installation {
  const { worker } = installation.files
  if (sourceNames.every((name) => !worker[name])) return installation
  let source: ReturnType<typeof keySourceOf>
  try {
    source = keySourceOf(worker)
  } catch {
    return installation
  }
  if (source?.kind !== 'keyring' && source?.kind !== 'sealed-file') return installation
  const opened = openKeySource(source, environmentOf(worker), passphrase)
  const rest = Object.fromEntries(Object.entries(worker).filter(([name]) => !sourceNames.includes(name)))
  return { ...installation, files: { ...installation.files, worker: { ...rest, ENCRYPTION_KEY: opened } } }
}

/** The same, asking on the terminal for a passphrase that nothing else has. */
export async function openedInstallation(installation: Installation): Promise<Installation> {
  const asked = needsPassphrase(installation.files.worker)
  return withEncryptionKey(installation, asked ? await askPassphrase(passphraseQuestion) : undefined)
}

/** The key's text from any source, for a command that moves it. `worker` as worker.env says it. Throws when there is none, or two. */
export async function keyTextOf(worker: Variables, ask: () => Promise<string>): Promise<string> {
  const source = keySourceOf(worker)
  switch (source?.kind) {
    case 'env':
      return (worker['ENCRYPTION_KEY'] ?? '').trim()
    case 'file':
      return (await readFile(source.path, 'utf8')).trim()
    case 'keyring':
      return openKeySource(source, {})
    case 'sealed-file': {
      const passphrase = needsPassphrase(worker) ? await ask() : undefined
      return openKeySource(source, environmentOf(worker), passphrase)
    }
    default:
      throw new Error('worker.env has no ENCRYPTION_KEY: run ./setup.sh')
  }
}
