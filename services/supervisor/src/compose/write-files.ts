import { chmod, chown, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readEnvFile, type Variables } from '../env-files.ts'
import { readInstallation } from '../installation.ts'
import type { Layout } from '../layout.ts'
import { ensureFolder, keysFolder } from '../prepare.ts'
import { containerUids, type Holder } from './addresses.ts'
import { deriveStack, formatSettings } from './derive.ts'

/** Where the derived files are. */
export const composeFolder = (layout: Layout): string => join(layout.config, 'compose')

/**
 * Writes what docker-compose.yml is filled with: `<config>/compose/.env` and `env/<service>.env`, which hold no secret, and
 * `secrets/<service>/<NAME>`, each for its container's uid alone (0400 in a folder of 0700). Derived anew at every call; a file
 * whose content is the same keeps its place, one that is no longer wanted goes. `images` as infra/compose.sh found or made them.
 * Needs root: the files are given away. Throws, naming the fix, when the installation lacks something.
 */
export async function writeComposeFiles(layout: Layout, images: Variables): Promise<void> {
  const installation = await readInstallation(layout)
  const folder = composeFolder(layout)
  const tls = join(layout.config, 'tls')
  const keysDir = await keysFolder(layout, installation.id)
  const worker = { uid: containerUids.worker, gid: containerUids.worker }
  await ensureFolder(keysDir, 0o700, worker)
  const stack = deriveStack(installation, {
    ...{ folder, keysDir, engineGid: (await stat(installation.engineSocket)).gid },
    images: { ...(await rememberedImages(folder)), ...images },
    tls: {
      fullchain: await readFile(join(tls, 'fullchain.pem'), 'utf8'),
      privkey: await readFile(join(tls, 'privkey.pem'), 'utf8'),
    },
  })
  // The engine alone goes through these on a container's behalf, as root.
  for (const path of [folder, join(folder, 'secrets'), join(folder, 'env')]) await ensureFolder(path, 0o700)
  for (const [holder, { env, secrets }] of Object.entries(stack.given)) {
    await replaceFile(join(folder, 'env', `${holder}.env`), formatSettings(env), { mode: 0o600 })
    await writeSecrets(join(folder, 'secrets', holder), secrets, containerUids[holder as Holder])
  }
  await replaceFile(join(folder, '.env'), formatSettings(stack.variables), { mode: 0o600 })
}

/** The images of the last set-up, for a change of settings alone. */
async function rememberedImages(folder: string): Promise<Variables> {
  const path = join(folder, '.env')
  const known = await readFile(path, 'utf8').then(
    () => readEnvFile(folder, ''),
    () => ({}),
  )
  return Object.fromEntries(Object.entries(known).filter(([name]) => name.startsWith('NORA_IMAGE_')))
}

async function writeSecrets(folder: string, secrets: Variables, uid: number): Promise<void> {
  await ensureFolder(folder, 0o700, { uid, gid: uid })
  for (const name of await readdir(folder)) {
    if (!(name in secrets)) await rm(join(folder, name), { recursive: true })
  }
  for (const [name, value] of Object.entries(secrets)) {
    await replaceFile(join(folder, name), value, { mode: 0o400, uid })
  }
}

/** Beside its place, then renamed: a reader sees the old or the new one whole. */
async function replaceFile(path: string, text: string, { mode, uid }: { mode: number; uid?: number }): Promise<void> {
  const fresh = `${path}.new`
  await rm(fresh, { force: true })
  await writeFile(fresh, text, { mode, flag: 'wx' })
  await chmod(fresh, mode)
  if (uid !== undefined) await chown(fresh, uid, uid)
  await rename(fresh, path)
}
