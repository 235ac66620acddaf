import type Docker from 'dockerode'
import { baseFiles } from './base.ts'
import { type AssembledImage, assemble } from './build.ts'
import { existing, programWithLibraries } from './closure.ts'
import type { ImageFile } from './content.ts'

export type TinyImage = {
  /** Lower case; the tag becomes `nora/tiny-<name>:<hash16>`. */
  name: string
  /** Absolute path -> text. A path under /bin is made executable. */
  files?: Record<string, string>
  cmd: string[]
}

const PROGRAMS = [
  'cat',
  'chmod',
  'cp',
  'date',
  'dd',
  'df',
  'env',
  'head',
  'id',
  'ls',
  'mkdir',
  'mv',
  'nproc',
  'rm',
  'seq',
  'sleep',
  'stat',
  'tail',
  'touch',
  'tr',
  'wc',
  'yes',
]

/**
 * An image of a few MB with a shell and the plainest tools, for tests: built here in well under a second, run in the
 * agents' posture (uid 10001 unless told otherwise). The same content is built once.
 */
export async function assembleTinyImage(
  docker: Docker,
  { name, files = {}, cmd }: TinyImage,
  signal: AbortSignal = AbortSignal.timeout(120_000),
): Promise<AssembledImage> {
  const programs = await existing(PROGRAMS.map((program) => `/bin/${program}`))
  const tools = await Promise.all(programs.map((path) => programWithLibraries(path, path, signal)))
  const own = Object.entries(files).map(
    ([path, text]): ImageFile => ({ path, text, mode: path.startsWith('/bin/') ? 0o755 : 0o644 }),
  )
  const base = await assemble(
    docker,
    {
      name: 'tiny',
      files: [...(await baseFiles(signal)), ...tools.flat()],
      dockerfile: 'FROM scratch\nCOPY root/ /\nENV PATH=/bin\n',
    },
    signal,
  )
  const dockerfile = `FROM ${base.reference}\n${own.length > 0 ? 'COPY root/ /\n' : ''}USER 10001:10001\nCMD ${JSON.stringify(cmd)}\n`
  return assemble(docker, { name: `tiny-${name}`, files: own, dockerfile }, signal)
}
