import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'

const script = fileURLToPath(new URL('../../../setup.sh', import.meta.url))
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nora-options-'))
})
afterEach(() => rm(folder, { recursive: true }))

const setup = (...options: string[]) =>
  spawnSync(script, ['--prefix', join(folder, 'mine'), ...options], {
    ...{ encoding: 'utf8', timeout: 120_000 },
    env: { ...process.env, TMPDIR: folder },
  })

test.each([
  ['--purge', '--uninstall'],
  ['--finish', '--rotate'],
  ['--keep', '--demo'],
])('%s without %s installs nothing, and says where it belongs', async (option, command) => {
  const { status, stderr } = setup(option, '--yes')
  expect([status, stderr]).toEqual([
    1,
    `error: ${option} goes with ${command}\n  fix: ./setup.sh ${command} ${option}\n`,
  ])
  expect(await readdir(folder)).toEqual([])
})

test('where the command is said it is taken', () => {
  for (const options of [
    ['--purge', '--uninstall'],
    ['--uninstall', '--purge'],
  ]) {
    expect(setup(...options, '--yes').stderr).toContain('nothing is installed')
  }
})
