import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Exit, within } from '@nora/embedded/child'
import { findEngine, foreignContainers, ownEnginePid, startEngine } from '@nora/embedded/engine'
import { engineListens } from '@nora/embedded/engine-call'
import { isRoot } from '@nora/embedded/privileges'
import { waitFor } from '@nora/embedded/wait'
import type { Installation } from './installation.ts'
import { type Kept, keepRunning, type Running } from './keep-running.ts'

/** Whether an init system that starts services runs here (then the engine is its business, not ours). */
export const hasInit = async (): Promise<boolean> =>
  (await readFile('/proc/1/comm', 'utf8')).trim() === 'systemd'

/**
 * The engine, when it is ours to keep: none answers and no init system would start it, or an earlier supervisor of
 * this installation started the one that runs. Undefined when somebody else's answers. Throws, naming the fix.
 */
export async function keepEngine(
  installation: Installation,
  say: (line: string) => void,
): Promise<Kept | undefined> {
  const { engineSocket, enginePidFile } = installation
  const answering = await findEngine(engineSocket)
  const own = await ownEnginePid(enginePidFile)
  if (answering && own === undefined) {
    say(`engine: Docker ${answering.version} answers on ${engineSocket}`)
    return undefined
  }
  if (!answering && (!isRoot() || (await hasInit()))) {
    const allow = isRoot()
      ? ''
      : ', and `sudo usermod -aG docker $USER` if you may not use it, then sign in again'
    throw new Error(
      `no Docker Engine answers on ${engineSocket}: run \`sudo systemctl start docker\`${allow}`,
    )
  }
  const logFile = join(installation.layout.logs, 'engine.log')
  return keepRunning({
    name: 'engine',
    say,
    start: async (signal) => {
      const pid = await ownEnginePid(enginePidFile)
      if (pid !== undefined && (await findEngine(engineSocket))) return adopt(pid)
      return startEngine({ logFile, pidFile: enginePidFile, socketPath: engineSocket, signal })
    },
  })
}

/** Whose containers the engine runs: stopping it would stop them. `unanswered`: it does not say, and they may be anybody's. */
export async function engineUse(installation: Installation): Promise<'ours' | 'shared' | 'unanswered'> {
  const others = await foreignContainers(installation.engineSocket, installation.id)
  if (others === undefined) return 'unanswered'
  return others > 0 ? 'shared' : 'ours'
}

/** Ends an engine that a supervisor of this installation left running, unless others use it or may. For the uninstaller. */
export async function stopLeftEngine(
  installation: Installation,
): Promise<'none' | 'shared' | 'unanswered' | 'stopped'> {
  const pid = await ownEnginePid(installation.enginePidFile)
  if (pid === undefined) return 'none'
  const use = await engineUse(installation)
  if (use !== 'ours') return use
  await adopt(pid).stop()
  return 'stopped'
}

/** Whether no engine is left: the one we started has ended, and nobody listens on the socket. One that hangs is not gone. */
export async function engineIsGone({ enginePidFile, engineSocket }: Installation): Promise<boolean> {
  return (await ownEnginePid(enginePidFile)) === undefined && !(await engineListens(engineSocket))
}

/**
 * Whether an agent of this installation runs although its engine may be gone: containers outlive an engine that is killed. Their shims
 * stand in the folder that describes the container, with the agent's volume in it. Root alone sees that.
 */
export async function outlivedEngine({ id }: Installation): Promise<boolean> {
  for (const pid of (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name))) {
    const read = (path: string) => readFile(`/proc/${pid}/${path}`, 'utf8').catch(() => '') // it has ended meanwhile
    if ((await read('comm')).trim() !== 'containerd-shim') continue
    if ((await read('cwd/config.json')).includes(`/nora-${id.slice(0, 8)}-vol-`)) return true
  }
  return false
}

/** An engine that is not our child: its end is seen by looking, and its exit code is unknown. */
function adopt(pid: number): Running {
  const watching = new AbortController()
  const exited = waitFor<Exit>(async () => (isAlive(pid) ? undefined : { code: null, signal: null }), {
    ...{ signal: watching.signal, deadlineMs: Number.MAX_SAFE_INTEGER, everyMs: 500 },
    describe: async () => '',
  })
  const stop = async () => {
    if (isAlive(pid)) process.kill(pid, 'SIGTERM')
    await within(exited, 25_000)
  }
  return { pid, exited, stop }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
