import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { version } from './version.ts'

test('every package has this version', () => {
  const named = (path: string) =>
    JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')).version as string
  for (const path of ['../../../package.json', '../../../services/api/package.json']) {
    expect(named(path), path).toBe(version)
  }
})
