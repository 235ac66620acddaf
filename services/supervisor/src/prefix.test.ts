import { spawnSync } from 'node:child_process'
import { chmod, chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'

const script = fileURLToPath(new URL('../../../setup.sh', import.meta.url))
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nora-prefix-'))
})
afterEach(() => rm(folder, { recursive: true }))

const setup = (prefix: string) => {
  const { status, stderr } = spawnSync(script, ['--prefix', prefix, '--uninstall', '--yes'], {
    encoding: 'utf8',
  })
  return { status, stderr }
}

test('a prefix that only its user can change is taken', () => {
  expect(setup(join(folder, 'mine')).stderr).toContain('nothing is installed')
})

test('a prefix in a folder that anybody may write to is refused', async () => {
  await chmod(folder, 0o777)
  const { status, stderr } = setup(join(folder, 'mine'))
  expect([status, stderr]).toEqual([1, expect.stringContaining(`anybody may write to ${folder}`)])
})

test.runIf(process.getuid?.() === 0)('a prefix in a folder of another user is refused', async () => {
  await chown(folder, 65_534, 65_534)
  const { status, stderr } = setup(join(folder, 'mine'))
  expect([status, stderr]).toEqual([1, expect.stringContaining(`${folder} belongs to another user`)])
})

test.runIf(process.getuid?.() === 0)(
  'a prefix in a folder of another group that may write to it is refused',
  async () => {
    await chown(folder, 0, 65_534)
    await chmod(folder, 0o775)
    const { status, stderr } = setup(join(folder, 'mine'))
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/^error: everybody of the group \S+ may write to/),
    ])
  },
)

test('the prefix is made before anything else, so that nobody else makes it meanwhile', async () => {
  // The first thing that is asked of the machine, answered so that nothing more happens.
  await writeFile(join(folder, 'uname'), '#!/bin/sh\necho elsewhere\n', { mode: 0o755 })
  const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}`, TMPDIR: folder }
  const { stderr } = spawnSync(script, ['--prefix', join(folder, 'mine')], { encoding: 'utf8', env })
  expect(stderr).toContain('this machine is elsewhere')
  expect((await stat(join(folder, 'mine'))).mode & 0o777).toBe(0o755)
})
