import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createDisks } from './disks.ts'

const [one, other] = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002']

test.each(['.ext4.new', '.ext4.growing', '.device', '.device.new'])(
  'a disk of which a killed process left only %s is one that can be removed',
  async (part) => {
    const dataDir = await mkdtemp(join(tmpdir(), 'nora-disks-'))
    onTestFinished(() => rm(dataDir, { recursive: true }))
    const folder = join(dataDir, 'disks')
    const disks = createDisks(dataDir)
    expect([await disks.owners(), await disks.exists(one)]).toEqual([[], false])
    await mkdir(folder)
    await writeFile(join(folder, `${other}.ext4`), '')
    if (part.startsWith('.device')) await symlink('/dev/nowhere', join(folder, one + part))
    else await writeFile(join(folder, one + part), '')
    expect([(await disks.owners()).sort(), await disks.exists(one)]).toEqual([[one, other], true])
    await disks.remove(one, AbortSignal.timeout(10_000))
    expect([await disks.owners(), await readdir(folder)]).toEqual([[other], [`${other}.ext4`]])
  },
)
