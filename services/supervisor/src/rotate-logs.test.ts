import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { rotateLogs } from './rotate-logs.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nora-logs-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const read = (name: string) => readFileSync(join(folder, name), 'utf8')

test('a log past its size moves aside, keeps its last copies, and its writer goes on in the same file', async () => {
  const log = join(folder, 'api.log')
  const inode = () => statSync(log).ino
  appendFileSync(join(folder, 'small.log'), 'x')
  for (const round of ['one', 'two', 'three', 'four']) {
    appendFileSync(log, `${round}-long-enough`)
    const before = inode()
    expect(await rotateLogs(folder, { maxBytes: 10, keep: 2 })).toEqual(['api.log'])
    expect(inode()).toBe(before)
  }
  expect(readdirSync(folder).sort()).toEqual(['api.log', 'api.log.1', 'api.log.2', 'small.log'])
  expect([read('api.log'), read('api.log.1'), read('api.log.2')]).toEqual([
    '',
    'four-long-enough',
    'three-long-enough',
  ])
})
