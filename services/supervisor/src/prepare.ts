import { execFile } from 'node:child_process'
import { randomInt, randomUUID } from 'node:crypto'
import { chmod, chown, lstat, mkdir, statfs } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '@nora/embedded/free-port'
import { linkPostgresLibraries } from '@nora/embedded/postgres-files'
import { ensureAccounts } from './accounts.ts'
import { freeStackNetwork } from './compose/addresses.ts'
import { completeEnvFile, readEnvFile, type Variables } from './env-files.ts'
import type { Layout } from './layout.ts'

const exec = promisify(execFile)

/**
 * What an installation needs once and keeps: users, folders, an id, ports and a network pool of its own. Safe to run
 * again; nothing that is there changes. The secrets are setup.sh's to make.
 */
export async function prepare(layout: Layout, signal: AbortSignal): Promise<Variables> {
  await linkPostgresLibraries()
  const known = await readEnvFile(layout.config, 'installation')
  const stack = known['NORA_MODE'] === 'compose'
  // Containers have numbers of their own.
  if (layout.separated && !stack) await ensureAccounts(signal)
  await makeFolders(layout)
  if (stack) await prepareStack(layout, known, signal)
  return completeEnvFile(layout.config, 'installation', {
    NORA_INSTALLATION_ID: known['NORA_INSTALLATION_ID'] ?? randomUUID(),
    NORA_PORT: known['NORA_PORT'] ?? String(await portNear(8080)),
    NORA_WORKER_PORT: known['NORA_WORKER_PORT'] ?? String(await portNear(7070)),
    NORA_POSTGRES_PORT: known['NORA_POSTGRES_PORT'] ?? String(await freePort()),
    NORA_AGENT_NETWORK_POOL: known['NORA_AGENT_NETWORK_POOL'] ?? (await freePool(layout, signal)),
  })
}

/** What the stack of containers needs besides: a network block, the ports of its nginx, and the names it has until it is given others. */
async function prepareStack(layout: Layout, known: Variables, signal: AbortSignal): Promise<void> {
  const [https, http] = layout.system ? [443, 80] : [8443, 8081]
  const { NORA_HTTPS_PORT: port } = await completeEnvFile(layout.config, 'installation', {
    NORA_STACK_NETWORK: known['NORA_STACK_NETWORK'] ?? freeStackNetwork(await routes(signal), layout.system),
    NORA_HTTPS_PORT: known['NORA_HTTPS_PORT'] ?? String(await portNear(https)),
    NORA_HTTP_PORT: known['NORA_HTTP_PORT'] ?? String(await portNear(http)),
  })
  const at = port === '443' ? '' : `:${port}`
  await completeEnvFile(layout.config, 'api', {
    NORA_PUBLIC_URL: `https://localhost${at}`,
    NORA_ADMIN_URL: `https://admin.localhost${at}`,
  })
}

/** The parents are enterable by the services' uids; what is inside belongs to one of them each, 0700. */
export async function makeFolders(layout: Layout): Promise<void> {
  await ensureFolder(layout.config, 0o700)
  for (const path of [layout.data, layout.run]) await ensureFolder(path, layout.separated ? 0o711 : 0o700)
  await ensureFolder(layout.logs, 0o700)
}

/** Makes a folder with exactly this mode, and gives it away when an owner is named. */
export async function ensureFolder(
  path: string,
  mode: number,
  owner?: { uid: number; gid: number },
): Promise<void> {
  // mkdir would give its mode to every parent it makes too.
  await mkdir(path, { recursive: true, mode: 0o755 })
  if (owner) await chown(path, owner.uid, owner.gid)
  // After the owner: giving a folder away takes its setgid bit.
  await chmod(path, mode)
}

const memoryFileSystems = new Set([0x01021994, 0x858458f6]) // tmpfs, ramfs: statfs(2)

/** Whether a folder lives in memory: keys of running agents may be nowhere else. */
export const isMemoryBacked = async (path: string): Promise<boolean> =>
  memoryFileSystems.has((await statfs(path)).type)

/**
 * The folder for the keys of running agents: in the run folder when that is in memory, else in a user's runtime
 * folder, else in shared memory. Throws, naming the fix, when the machine has none of them.
 */
export async function keysFolder(layout: Layout, installationId: string): Promise<string> {
  const named = `nora-${installationId.slice(0, 8)}`
  const runtime = layout.separated ? undefined : process.env['XDG_RUNTIME_DIR']
  const candidates = [layout.run, ...(runtime ? [join(runtime, named)] : []), join('/dev/shm', named)]
  for (const parent of candidates) {
    const made = await mkdir(parent, { recursive: true, mode: 0o700 }).then(
      () => true,
      () => false, // not ours to write: the next candidate
    )
    // Anyone may make folders and links in shared memory: what another user made first is not ours to trust, nor, where
    // it is a link, to change the mode of.
    if (made && (await isOwn(parent)) && (await isMemoryBacked(parent))) {
      await chmod(parent, layout.separated ? 0o711 : 0o700)
      return join(parent, 'keys')
    }
  }
  throw new Error('no memory-backed folder for keys: mount a tmpfs on /run or /dev/shm, then start again')
}

async function isOwn(path: string): Promise<boolean> {
  const found = await lstat(path)
  return found.isDirectory() && found.uid === process.getuid?.()
}

/** The usual port when it is free, else any. Both loopback and wildcard are tried: someone may hold either. */
async function portNear(usual: number): Promise<number> {
  const free = await new Promise<boolean>((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(usual, () => server.close(() => resolve(true)))
  })
  return free ? usual : freePort()
}

const routes = (signal: AbortSignal): Promise<string> =>
  exec('ip', ['-4', 'route'], { signal }).then(
    (done) => done.stdout,
    () => '', // no iproute2: nothing to compare with
  )

/** 10.214.0.0/16 for the machine's own installation; another /16 that no route of this machine touches otherwise. */
async function freePool(layout: Layout, signal: AbortSignal): Promise<string> {
  const usual = '10.214.0.0/16'
  const known = await routes(signal)
  const taken = (second: number) => new RegExp(`(^|\\s)10\\.${second}\\.`, 'm').test(known)
  if (layout.system && !taken(214)) return usual
  for (let attempt = 0; attempt < 100; attempt++) {
    const second = randomInt(130, 214)
    if (!taken(second)) return `10.${second}.0.0/16`
  }
  throw new Error('no free 10.x.0.0/16 for agent networks: set NORA_AGENT_NETWORK_POOL in installation.env')
}
