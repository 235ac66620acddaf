import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Exit, launch } from './child.ts'
import { engineCall } from './engine-call.ts'
import { findProgram } from './find-program.ts'
import { isRoot } from './privileges.ts'
import { untilReady } from './wait.ts'

export type Engine = { socketPath: string; version: string; cgroupVersion: string }

export type StartedEngine = Engine & {
  pid: number
  exited: Promise<Exit>
  stop(): Promise<void>
}

export const defaultEngineSocket = '/var/run/docker.sock'

/**
 * The Docker Engine that answers on this unix socket, or undefined when none does: at once where nobody listens, and after half a minute
 * where somebody does. One that is only busy is not to be taken for none: a second one would be started beside it.
 */
export async function findEngine(socketPath: string = defaultEngineSocket): Promise<Engine | undefined> {
  const answer = await engineCall({ socketPath, method: 'GET', path: '/info', timeoutMs: 30_000 })
  if (answer?.status !== 200) return undefined
  const info = answer.body as { ServerVersion?: string; CgroupVersion?: string }
  return { socketPath, version: info.ServerVersion ?? 'unknown', cgroupVersion: info.CgroupVersion ?? '1' }
}

/**
 * Starts dockerd by hand, for machines where no init system does. It is left running when we die (agents outlive a
 * crash of the control plane); its pid file lets the next start know it for ours. Only one engine may run in a
 * network namespace: callers ask `findEngine` first. Throws, naming the fix, when it cannot start.
 */
export async function startEngine(options: {
  logFile: string
  pidFile: string
  signal: AbortSignal
  socketPath?: string
}): Promise<StartedEngine> {
  const socketPath = options.socketPath ?? defaultEngineSocket
  const binary = findProgram('dockerd')
  if (!isRoot())
    throw new Error('only root can start dockerd: run `sudo systemctl start docker`, then try again')
  if (!binary) throw new Error('dockerd is not installed: run `apt-get install docker.io`')
  if (!findProgram('iptables')) throw new Error('dockerd needs iptables: run `apt-get install iptables`')
  await requireControlGroups()
  await mkdir(dirname(options.pidFile), { recursive: true })
  // docker.io leaves these behind after a kill -9 and then refuses to start.
  await rm('/var/run/docker.pid', { force: true })
  const child = await launch({
    command: binary,
    args: [`--host=unix://${socketPath}`],
    env: { PATH: enginePath() },
    logFile: options.logFile,
    deathSignal: 'none',
  })
  await writeFile(options.pidFile, `${child.pid}\n`)
  try {
    const engine = await untilReady(child, () => findEngine(socketPath), {
      ...{ name: 'dockerd', logFile: options.logFile, signal: options.signal },
      ...{ deadlineMs: 180_000, everyMs: 200 },
    })
    const stop = async () => {
      await child.stop({ graceMs: 25_000 })
      await rm(options.pidFile, { force: true })
    }
    return { ...engine, pid: child.pid, exited: child.exited, stop }
  } catch (error) {
    await child.stop({ graceMs: 5_000 })
    await rm(options.pidFile, { force: true })
    throw error
  }
}

/** The pid of an engine that an earlier supervisor started and that still runs, else undefined. */
export async function ownEnginePid(pidFile: string): Promise<number | undefined> {
  const pid = Number(await readFile(pidFile, 'utf8').catch(() => ''))
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')
  return name.trim() === 'dockerd' ? pid : undefined
}

/**
 * How many running containers do not carry our installation's label: an engine with some is not ours to stop. Undefined where the engine
 * does not say, within a minute, what it runs: that is not none.
 */
export async function foreignContainers(
  socketPath: string,
  installationId: string,
): Promise<number | undefined> {
  const answer = await engineCall({ socketPath, method: 'GET', path: '/containers/json', timeoutMs: 60_000 })
  if (answer?.status !== 200 || !Array.isArray(answer.body)) return undefined
  const list = answer.body as { Labels?: Record<string, string> | null }[]
  return list.filter((one) => one.Labels?.['com.nora.installation'] !== installationId).length
}

async function requireControlGroups(): Promise<void> {
  const mounts = await readFile('/proc/self/mounts', 'utf8')
  if (/^\S+ \S+ cgroup2? /m.test(mounts)) return
  throw new Error(
    'dockerd needs control groups: mount them (`mount -t cgroup2 none /sys/fs/cgroup`), then try again',
  )
}

const enginePath = () => `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin`
