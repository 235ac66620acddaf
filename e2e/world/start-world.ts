import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { findProgram } from '@nora/embedded/find-program'
import { isRoot } from '@nora/embedded/privileges'
import { detachDisks } from '@nora/testing/loop-disks'

const enter = fileURLToPath(new URL('enter.sh', import.meta.url))
const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child=KILL', '--mount-proc']
const prefix = 'nora-world-'

/** What is missing on this machine for a world of its own, in a sentence; undefined when nothing is. */
export function worldObstacle(): string | undefined {
  if (!isRoot()) return 'a world of its own (network namespace, engine) needs root'
  const missing = ['unshare', 'setpriv', 'ip', 'iptables', 'dockerd', 'redis-server'].filter(
    (name) => !findProgram(name),
  )
  return missing.length > 0 ? `a world of its own needs ${missing.join(', ')}` : undefined
}

/**
 * Runs a program of ours in new network, mount and pid namespaces, where it may start and kill an engine of its own, and
 * gives its exit code. `onLine` gets what it prints. Whatever happens to either, everything in there ends with it: its
 * processes with the first one, interfaces and mounts with the namespaces, and disks, control groups and files here.
 */
export async function runInWorld(
  program: string,
  args: string[],
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<number> {
  await sweepWorlds()
  // Named for its owner, so that the next one knows what a killed one left.
  const folder = await mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`))
  try {
    const inside = ['bash', enter, folder, process.execPath, program, folder, ...args]
    const child = spawn(
      'setpriv',
      ['--pdeathsig', 'KILL', 'unshare', ...namespaces, '--propagation', 'private', ...inside],
      { stdio: ['ignore', 'pipe', 'inherit'], detached: true },
    )
    const kill = () => void child.kill('SIGKILL')
    signal.addEventListener('abort', kill, { once: true })
    // Interrupted: the world is taken down and its exit code says that it was not done.
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, kill)
    const lines = createInterface({ input: child.stdout })
    lines.on('line', onLine)
    const [code] = (await once(child, 'exit')) as [number | null]
    signal.removeEventListener('abort', kill)
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, kill)
    // Of a killed world nothing more will come, of an ended one everything is there.
    if (code !== null && child.stdout.readable) await once(lines, 'close')
    return code ?? 1
  } finally {
    await removeWorld(folder)
  }
}

async function sweepWorlds(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const owner = new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1]
    if (owner && !existsSync(`/proc/${owner}`)) await removeWorld(join(tmpdir(), name))
  }
}

async function removeWorld(folder: string): Promise<void> {
  await processesGone(folder)
  await detachDisks(folder)
  await removeGroups(folder)
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 })
}

/** The kernel ends the processes of a world after its first one; a busy disk cannot be detached before. */
async function processesGone(folder: string): Promise<void> {
  const deadline = Date.now() + 60_000
  while (Date.now() < deadline) {
    const mounted = await Promise.all(
      (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map((pid) => holds(pid, folder)),
    )
    if (!mounted.some(Boolean)) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

const holds = (pid: string, folder: string): Promise<boolean> =>
  readFile(`/proc/${pid}/mounts`, 'utf8').then(
    (text) => text.includes(` ${folder}/`) || text.includes(`${folder}/`),
    () => false, // it has ended meanwhile
  )

/** The control groups that killed containers left; only empty ones can be removed, deepest first. */
async function removeGroups(folder: string): Promise<void> {
  const name = folder.slice(dirname(folder).length + 1)
  const root = '/sys/fs/cgroup'
  const controllers = await readdir(root).catch(() => [])
  const tops = [join(root, name), ...controllers.map((controller) => join(root, controller, name))]
  for (const top of tops.filter((path) => existsSync(path))) await removeGroup(top)
}

async function removeGroup(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true }).catch(() => [])) {
    if (entry.isDirectory()) await removeGroup(join(path, entry.name))
  }
  await rmdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'EBUSY') throw error
  })
}
