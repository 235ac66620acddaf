import { chmod, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEnv } from 'node:util'

/** The files in the config folder. Each holds only what its process may hold; the supervisor alone reads them. */
export type EnvFile = 'installation' | 'api' | 'worker' | 'migrate' | 'demo'

export type Variables = Record<string, string>

/** The variables of one file; empty when there is none. */
export async function readEnvFile(config: string, name: EnvFile): Promise<Variables> {
  const text = await readFile(join(config, `${name}.env`), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  return parseEnv(text) as Variables
}

/** Adds the variables that a file lacks, keeping its comments and every value that is there (mode 0600). */
export async function completeEnvFile(config: string, name: EnvFile, wanted: Variables): Promise<Variables> {
  const path = join(config, `${name}.env`)
  const present = await readEnvFile(config, name)
  const missing = Object.entries(wanted).filter(([key]) => !present[key])
  if (missing.length > 0) {
    const before = await readFile(path, 'utf8').catch(() => '')
    const gap = before === '' || before.endsWith('\n') ? '' : '\n'
    const added = missing.map(([key, value]) => `${key}=${value}\n`).join('')
    await writeFile(`${path}.new`, before + gap + added, { mode: 0o600 })
    await rename(`${path}.new`, path)
  }
  if (missing.length > 0 || Object.keys(present).length > 0) await chmod(path, 0o600)
  return { ...Object.fromEntries(missing), ...present }
}
