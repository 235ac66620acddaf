import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** One entry of an image: a file of this machine, text, a link, or an empty folder (`owned` by the
 * agent's user). `path` is absolute in the image. */
export type ImageFile = { path: string; mode: number } & (
  | { source: string }
  | { text: string }
  | { link: string }
  | { folder: true; owned?: true }
)

/** The checkout or installation that this file is part of. */
export const repository = fileURLToPath(new URL('../../../../', import.meta.url))

// Hashing Node's 120 MB takes 0.2 s; a file of the same inode, size and time is the same file.
const known = new Map<string, string>()

async function hashFile(path: string, signal: AbortSignal): Promise<string> {
  const { ino, size, mtimeMs } = await stat(path)
  const key = `${path}|${ino}|${size}|${mtimeMs}`
  const before = known.get(key)
  if (before) return before
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { signal, highWaterMark: 1024 * 1024 }))
    hash.update(chunk as Buffer)
  const digest = hash.digest('hex')
  known.set(key, digest)
  return digest
}

/**
 * The hash of what an image will be: every entry's path, mode and bytes, and the instructions. The same content has the
 * same hash on every machine, whatever the order in which it was collected.
 */
export async function contentHash(
  files: ImageFile[],
  dockerfile: string,
  signal: AbortSignal,
): Promise<string> {
  const lines: string[] = []
  for (const file of inOrder(files)) {
    const body =
      'source' in file
        ? await hashFile(file.source, signal)
        : 'text' in file
          ? createHash('sha256').update(file.text).digest('hex')
          : 'link' in file
            ? `-> ${file.link}`
            : 'owned' in file
              ? 'folder of 10001'
              : 'folder'
    lines.push(JSON.stringify([file.path, file.mode, body]))
  }
  return createHash('sha256')
    .update(`${lines.join('\n')}\n${dockerfile}`)
    .digest('hex')
}

/** Sorted by path, one entry a path. */
export function inOrder(files: ImageFile[]): ImageFile[] {
  const byPath = new Map(files.map((file) => [file.path, file]))
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

const isForTests = (path: string) => /\.test\.ts$|\/testing\//.test(path)

/** The files of a folder of the repository, tests left out, at `/app/<same path>`. */
export async function sources(folder: string): Promise<ImageFile[]> {
  const entries = await readdir(join(repository, folder), { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((source) => !isForTests(relative(join(repository, folder), source)))
    .map((source) => {
      return { path: join('/app', relative(repository, source)), source, mode: 0o644 }
    })
}
