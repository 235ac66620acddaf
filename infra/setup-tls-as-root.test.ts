import { execFile } from 'node:child_process'
import { chmod, chown, copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { tempFolder } from '@nora/testing/temp-folder'
import { expect, test } from 'vitest'
import { setupTls } from './nginx/testing/start-edge.ts'

const run = promisify(execFile)
const isRoot = process.getuid?.() === 0
const names = ['--public-host', 'nora.test', '--admin-host', 'admin.nora.test']
const selfSigned = (dir: string, ...more: string[]) =>
  run(setupTls, ['--self-signed', '--dir', dir, ...names, ...more])

test.runIf(isRoot)(
  'a script that another user may change is not given to certbot, which would run it as root',
  async () => {
    const folder = await tempFolder('nora-tls-')
    for (const name of ['setup-tls.sh', 'lib.sh']) {
      await copyFile(join(setupTls, '..', name), join(folder, name))
      await chmod(join(folder, name), 0o755)
    }
    const real = ['--public-host', 'a.example.org', '--admin-host', 'b.example.org']
    const asked = ['--certbot', '--email', 'a@example.org', '--webroot', folder, ...real]
    await chown(join(folder, 'lib.sh'), 65_534, 65_534)
    const refused = await run(join(folder, 'setup-tls.sh'), asked).catch((error) => error)
    expect(refused.stderr).toContain('lib.sh belongs to another user')
    await chown(folder, 65_534, 65_534)
    await chown(join(folder, 'lib.sh'), 0, 0)
    const again = await run(join(folder, 'setup-tls.sh'), asked).catch((error) => error)
    expect(again.stderr).toContain(`${folder} belongs to another user`)
  },
)

test('a file that should have nginx’s process id and has something else has nobody told', async () => {
  const folder = await tempFolder('nora-tls-')
  for (const text of [`${process.pid}\n`, '-1\n', '1\n']) {
    await writeFile(join(folder, 'pid'), text)
    const { stdout } = await selfSigned(join(folder, 'tls'), '--force', '--pid-file', join(folder, 'pid'))
    expect(stdout).toContain('nginx does not run')
  }
})
