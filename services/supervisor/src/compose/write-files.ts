import { access, chmod, chown, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import type { Variables } from '../env-files.ts'
import { readInstallation } from '../installation.ts'
import type { Layout } from '../layout.ts'
import { ensureFolder, keysFolder } from '../prepare.ts'
import { openedInstallation } from '../secrets/open-key.ts'
import { containerUids, type Holder } from './addresses.ts'
import { deriveStack, formatSettings } from './derive.ts'
import { renderNginx } from './nginx.ts'

const resolvers = '/run/systemd/resolve'

/** Where the derived files are. */
export const composeFolder = (layout: Layout): string => join(layout.config, 'compose')

/**
 * Writes what docker-compose.yml is filled with: `<config>/compose/.env` and `env/<service>.env`, which hold no secret, and
 * `secrets/<service>/<NAME>`, each for its container's uid alone (0400 in a folder of 0700). Derived anew at every call; a file
 * whose content is the same keeps its place, one that is no longer wanted goes. `images` as infra/compose.sh found or made them.
 * Needs root: the files are given away. Throws, naming the fix, when the installation lacks something.
 */
export async function writeComposeFiles(layout: Layout, images: Variables): Promise<void> {
  const installation = await openedInstallation(await readInstallation(layout))
  const folder = composeFolder(layout)
  const tls = join(layout.config, 'tls')
  const keysDir = await keysFolder(layout, installation.id)
  await ensureFolder(keysDir, 0o700, owner('worker'))
  await ensureFolder(layout.data, 0o711)
  for (const name of ['acme', 'netguard']) await ensureFolder(join(layout.data, name), 0o755)
  for (const name of ['postgres', 'redis', 'worker'] as const) {
    await ensureFolder(join(layout.data, name), 0o700, owner(name))
  }
  // The proxy's socket gets the folder's group, which is the worker's.
  await ensureFolder(join(layout.data, 'engine'), 0o2750, {
    uid: containerUids['engine-proxy'],
    gid: containerUids.worker,
  })
  const stack = deriveStack(installation, {
    ...{ folder, keysDir, dataDir: layout.data, cpus: Math.min(4, availableParallelism()) },
    engineSocket: installation.engineSocket,
    resolversDir: await access(resolvers).then(
      () => resolvers,
      () => join(layout.data, 'acme'),
    ),
    ...{ engineGid: (await stat(installation.engineSocket)).gid },
    configDir: layout.config,
    nginxSettings: await renderNginx(installation),
    images: { ...remembered(await readStack(layout)), ...images },
    tls: {
      fullchain: await readFile(join(tls, 'fullchain.pem'), 'utf8'),
      privkey: await readFile(join(tls, 'privkey.pem'), 'utf8'),
    },
  })
  // The engine alone goes through these on a container's behalf, as root.
  for (const path of [folder, join(folder, 'secrets'), join(folder, 'env')]) await ensureFolder(path, 0o700)
  for (const [holder, { env, secrets }] of Object.entries(stack.given)) {
    await replaceFile(join(folder, 'env', `${holder}.env`), formatSettings(env), { mode: 0o600 })
    await writeSecrets(join(folder, 'secrets', holder), secrets, owner(holder as Holder))
  }
  await replaceFile(join(folder, '.env'), formatSettings(stack.variables), { mode: 0o600 })
}

type Owner = { uid: number; gid: number }
const owner = (name: Holder) => ({ uid: containerUids[name], gid: containerUids[name] })

/** What docker-compose.yml was filled with last; empty before the first set-up. */
export const readStack = async (layout: Layout): Promise<Variables> =>
  parseEnv(await readFile(join(composeFolder(layout), '.env'), 'utf8').catch(() => '')) as Variables

/** The images of the last set-up, for a change of settings alone. */
const remembered = (stack: Variables): Variables =>
  Object.fromEntries(Object.entries(stack).filter(([name]) => name.startsWith('NORA_IMAGE_')))

async function writeSecrets(folder: string, secrets: Variables, owner: Owner): Promise<void> {
  await ensureFolder(folder, 0o700, owner)
  for (const name of await readdir(folder)) {
    if (!(name in secrets)) await rm(join(folder, name), { recursive: true })
  }
  for (const [name, value] of Object.entries(secrets)) {
    await replaceFile(join(folder, name), value, { mode: 0o400, owner })
  }
}

/** Beside its place, then renamed: a reader sees the old or the new one whole. */
async function replaceFile(
  path: string,
  text: string,
  { mode, owner }: { mode: number; owner?: Owner },
): Promise<void> {
  const fresh = `${path}.new`
  await rm(fresh, { force: true })
  await writeFile(fresh, text, { mode, flag: 'wx' })
  await chmod(fresh, mode)
  if (owner) await chown(fresh, owner.uid, owner.gid)
  await rename(fresh, path)
}
