import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { heldKeys } from './values.ts'
import { readSecrets, replaceFile } from './write-env.ts'

const head =
  '# Encryption keys that nothing in the database needs any more. Backups from their time open with nothing else: move these lines to\n' +
  '# where the backups are, off this machine, then remove this file.\n'

/** Writes down the keys that the worker is about to lose, one `<version>:<key>` a line; a key that stands there already stays once. */
export async function keepRetired(config: string): Promise<void> {
  const path = join(config, 'retired-keys.txt')
  const before = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return head
    throw error
  })
  const fresh = heldKeys(await readSecrets(config, 'worker')).filter(
    (key) => !before.split('\n').includes(key),
  )
  if (fresh.length > 0) await replaceFile(path, `${before}${fresh.join('\n')}\n`)
}
