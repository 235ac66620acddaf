import { chmod, chown, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type EnvFile, readEnvFile, type Variables } from '../env-files.ts'

/** A file's variables, those that are given as `<NAME>_FILE` among them. */
export async function readSecrets(config: string, file: EnvFile): Promise<Variables> {
  const variables = await readEnvFile(config, file)
  const read: Variables = { ...variables }
  for (const [name, path] of Object.entries(variables)) {
    if (!name.endsWith('_FILE') || !path) continue
    read[name.slice(0, -'_FILE'.length)] ||= (await readFile(path, 'utf8').catch(() => '')).trim()
  }
  return read
}

/**
 * Gives variables other values where they stand: all those of the env file in one rename, so that whoever reads it sees none or
 * all of them; one that is given as `<NAME>_FILE` in its own file. Comments and everything else stay.
 */
export async function changeEnvFile(config: string, file: EnvFile, changes: Variables): Promise<void> {
  const path = join(config, `${file}.env`)
  const present = await readEnvFile(config, file)
  const here: Variables = {}
  for (const [name, value] of Object.entries(changes)) {
    const elsewhere = present[name] ? undefined : present[`${name}_FILE`]
    if (elsewhere) await replaceFile(elsewhere, `${value}\n`)
    else here[name] = value
  }
  if (Object.keys(here).length === 0) return
  const left = new Map(Object.entries(here))
  const lines = (await readFile(path, 'utf8')).split('\n').flatMap((line) => {
    const name = /^\s*(?:export\s+)?([A-Z_][A-Z0-9_]*)\s*=/.exec(line)?.[1]
    if (name === undefined || !(name in here)) return [line]
    // Of two lines the last one counts: both become this.
    left.delete(name)
    return [`${name}=${here[name]}`]
  })
  while (lines.at(-1) === '') lines.pop()
  const added = [...left].map(([name, value]) => `${name}=${value}`)
  await replaceFile(path, [...lines, ...added, ''].join('\n'))
}

/** Beside its place, synced, then renamed; owner and mode stay. */
export async function replaceFile(path: string, text: string, mode = 0o600): Promise<void> {
  const before = await stat(path).catch(() => undefined)
  const fresh = `${path}.new`
  await rm(fresh, { force: true })
  const handle = await open(fresh, 'wx', mode)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  if (before) {
    await chmod(fresh, before.mode & 0o777)
    if (process.getuid?.() === 0) await chown(fresh, before.uid, before.gid)
  }
  await rename(fresh, path)
}
