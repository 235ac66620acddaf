import { randomBytes } from 'node:crypto'
import { chmod, mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { SecretFile } from '@nora/runtimes/runtime'
import { BackendError, type Target } from '../backend.ts'
import { numericUser } from './container-spec.ts'
import type { Engine } from './engine.ts'
import { handOver } from './hand-over.ts'
import { requireAgentId } from './names.ts'

/** The host folder that the agent sees, read-only, as /run/nora. */
export function keyFolder(keysDir: string, agentId: string): string {
  requireAgentId(agentId)
  return join(keysDir, agentId)
}

const memoryFileSystems = new Set([0x01021994, 0x858458f6]) // tmpfs, ramfs: statfs(2)

/**
 * Makes the agent's key folder. The folder above is open to this process alone, so that no other user of the host
 * reaches an agent's keys, also one that happens to have the agents' uid; the mount into the container starts below it.
 * Throws when that is not so or the storage is a disk: keys never touch one.
 */
export async function ensureKeyFolder(keysDir: string, agentId: string): Promise<string> {
  await mkdir(keysDir, { recursive: true, mode: 0o700 })
  const parent = await stat(keysDir)
  if ((parent.mode & 0o077) !== 0)
    await chmod(keysDir, 0o700).catch(() => refuse(`${keysDir} is open to others`))
  const { type } = await statfs(keysDir)
  if (!memoryFileSystems.has(type)) refuse(`${keysDir} is on a disk; it must be on a tmpfs`)
  const folder = keyFolder(keysDir, agentId)
  await mkdir(folder, { mode: 0o755 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
  await chmod(folder, 0o755) // whatever the umask took away: the agent must enter and list it
  return folder
}

function refuse(reason: string): never {
  const message = `Keys are not written: ${reason} (NORA_KEYS_DIR).`
  throw new BackendError('engine-error', message, { retry: false })
}

/**
 * Replaces the agent's secret files: each is written beside its name with mode 0400 and the agent's uid, then renamed,
 * so that a reader sees the old or the new one whole; files not named go. The folder itself stays, since a running
 * container's mount holds on to it. Works at any moment of the container's life, also before it exists.
 */
export async function writeKeyFiles(
  engine: Engine,
  keysDir: string,
  target: Target,
  files: SecretFile[],
  signal: AbortSignal,
): Promise<void> {
  for (const file of files) requireFileName(file.name)
  const folder = await ensureKeyFolder(keysDir, target.agentId)
  const staged = files.map((file) => ({
    file,
    temporary: `.${randomBytes(8).toString('hex')}.new`,
  }))
  try {
    const owner = numericUser(target.user)
    if (!(await writeOwned(folder, staged, owner))) {
      const entries = staged.map(({ file, temporary }) => {
        return { name: temporary, mode: 0o400, content: file.content, ...owner }
      })
      const mount = { Type: 'bind' as const, Source: folder, Target: '/keys' }
      await handOver(engine, target, { mount, extractAt: '/keys', entries }, signal)
    }
    signal.throwIfAborted()
    for (const { file, temporary } of staged) await rename(join(folder, temporary), join(folder, file.name))
  } finally {
    const wanted = new Set(files.map((file) => file.name))
    await removeOthers(folder, wanted)
  }
}

type Staged = { file: SecretFile; temporary: string }[]

/** False when this process may not give files away; then nothing of it stays. */
async function writeOwned(
  folder: string,
  staged: Staged,
  owner: { uid: number; gid: number },
): Promise<boolean> {
  for (const { file, temporary } of staged) {
    const path = join(folder, temporary)
    const handle = await open(path, 'wx', 0o400)
    try {
      // Before the content: what cannot be handed over is not written.
      await handle.chown(owner.uid, owner.gid)
      await handle.writeFile(file.content)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error
      for (const one of staged) await rm(join(folder, one.temporary), { force: true })
      return false
    } finally {
      await handle.close()
    }
  }
  return true
}

async function removeOthers(folder: string, wanted: Set<string>): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!wanted.has(name)) await rm(join(folder, name), { force: true, recursive: true })
  }
}

/** Deletes the agent's keys; nothing there is fine. */
export async function removeKeyFiles(keysDir: string, agentId: string): Promise<void> {
  await rm(keyFolder(keysDir, agentId), { recursive: true, force: true })
}

function requireFileName(name: string): void {
  if (/^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/.test(name)) return
  throw new BackendError('container-invalid', `"${name.slice(0, 40)}" is no name for a secret file.`, {
    retry: false,
  })
}
