import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export type Source = { path: string; text: string; lines: number; isTest: boolean }

const root = fileURLToPath(new URL('../../../..', import.meta.url))

/** Every file git tracks or would track, by path from the top of the repository. */
export function repositoryFiles(): string[] {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 32 * 1024 * 1024,
  })
  return listed.split('\0').filter((path) => path !== '' && existsSync(join(root, path)))
}

export function readSource(path: string): Source {
  const text = readFileSync(join(root, path), 'utf8')
  const isTest =
    /\.test\.tsx?$/.test(path) ||
    path.startsWith('shared/testing/') ||
    /\/testing\//.test(path) ||
    /^(e2e|bench)\//.test(path)
  return { path, text, lines: text.split('\n').length - 1, isTest }
}

/** TypeScript sources, tests included. */
export function typescriptSources(): Source[] {
  return repositoryFiles()
    .filter((path) => /\.tsx?$/.test(path))
    .map(readSource)
}

/** Module names that a source imports, type imports and dynamic ones included. */
export function importsOf(source: Source): string[] {
  const pattern =
    /(?:^|\n)\s*(?:import|export)\s[^'"`;]*?from\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g
  return [...source.text.matchAll(pattern)].map((match) => (match[1] ?? match[2] ?? match[3])!)
}

/** `shared/db/src/x.ts` -> `@nora/db`; undefined outside the packages. */
export function packageOf(path: string): string | undefined {
  if (path.startsWith('migrations/')) return '@nora/migrations'
  const match = /^(?:shared|services)\/([^/]+)\//.exec(path)
  return match ? `@nora/${match[1]}` : undefined
}
