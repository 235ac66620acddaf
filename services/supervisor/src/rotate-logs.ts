import { copyFile, readdir, rename, rm, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Rotates every `*.log` in the folder that has grown past `maxBytes`: copied to `.1` (older ones move to `.2`, `.3`,
 * the oldest goes) and cut to nothing. The writers append, so they go on in the same file without being told; the
 * lines of the instant between copy and cut are lost. Returns the names rotated.
 */
export async function rotateLogs(
  folder: string,
  options: { maxBytes: number; keep: number },
): Promise<string[]> {
  const rotated: string[] = []
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    if (!name.endsWith('.log') || (await stat(path)).size < options.maxBytes) continue
    await rm(`${path}.${options.keep}`, { force: true })
    for (let age = options.keep - 1; age >= 1; age--) {
      await rename(`${path}.${age}`, `${path}.${age + 1}`).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error
      })
    }
    await copyFile(path, `${path}.1`)
    await truncate(path, 0)
    rotated.push(name)
  }
  return rotated
}
