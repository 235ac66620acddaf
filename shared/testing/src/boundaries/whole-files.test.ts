import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../../../..')
const git = (...args: string[]) => execFileSync('git', ['-C', root, ...args], { encoding: 'utf8' })

test('no file has the marks of an unfinished merge', () => {
  // Put together here, so that this file has none itself.
  const marks = ['<', '>', '\\|'].map((sign) => `^${sign}{7} `).join('|')
  const found = spawnSync('git', ['-C', root, 'grep', '-nIE', marks], { encoding: 'utf8' })
  expect(found.stdout).toBe('')
  expect(found.status).toBe(1) // nothing found; 0 is something, more is an error
})

test('every shell script is one', () => {
  const scripts = git('ls-files', '*.sh', '.ci/run').trim().split('\n')
  expect(scripts.length).toBeGreaterThan(4)
  for (const script of scripts) {
    const read = spawnSync('bash', ['-n', join(root, script)], { encoding: 'utf8' })
    expect(`${script}: ${read.stderr}`).toBe(`${script}: `)
  }
})
