import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm, stat, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { layoutFor } from './layout.ts'
import { isMemoryBacked, keysFolder } from './prepare.ts'

test('a link that another user left in shared memory is neither used nor followed', async () => {
  // On disk by its definition (hier(7)): where the run folder is in memory, shared memory is never looked at.
  const folder = await mkdtemp('/var/tmp/nora-prepare-')
  expect(await isMemoryBacked(folder)).toBe(false)
  const id = randomBytes(4).toString('hex')
  const link = `/dev/shm/nora-${id}`
  try {
    await chmod(folder, 0o750)
    await symlink(folder, link)
    const layout = layoutFor({ root: true, prefix: join(folder, 'prefix'), code: '/nowhere' })
    await expect(keysFolder(layout, id)).rejects.toThrow('no memory-backed folder')
    expect((await stat(folder)).mode & 0o777).toBe(0o750)
  } finally {
    await rm(link, { force: true })
    await rm(folder, { recursive: true })
  }
})
