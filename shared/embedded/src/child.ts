import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { type DeathSignal, privilegePrefix, type RunAs, unlessOrphaned } from './privileges.ts'

export type Exit = { code: number | null; signal: NodeJS.Signals | null }

export type Child = {
  pid: number
  /** Resolves once, when the process has ended. Never rejects. */
  exited: Promise<Exit>
  /** Sends `signals` one after another, each given `graceMs`, then SIGKILL. Resolves when the process has ended. */
  stop(options?: { signals?: NodeJS.Signals[]; graceMs?: number }): Promise<Exit>
}

export type ChildOptions = {
  command: string
  args: string[]
  /** The whole environment; nothing is inherited besides it. */
  env: NodeJS.ProcessEnv
  cwd?: string
  runAs?: RunAs | undefined
  deathSignal?: DeathSignal
  /** Both outputs are appended to this file (mode 0600, made when missing); `ourOutput`: they go where ours go. */
  logFile: string
  /** A process that outlives us needs its own group, or a Ctrl-C meant for us ends it too. */
  detached?: boolean
}

/** In a container the engine keeps the log. */
export const ourOutput = 'our output'

/**
 * Starts a process with lowered privileges (see `privilegePrefix`) and follows it until it ends.
 * The prefix programs exec each other, so the pid is the program's own. Throws when it cannot be spawned.
 */
export async function launch(options: ChildOptions): Promise<Child> {
  const deathSignal = options.deathSignal ?? 'TERM'
  const [file, ...prefix] = privilegePrefix(options.runAs, deathSignal)
  if (deathSignal !== 'none') prefix.push(...unlessOrphaned(process.pid))
  const log = options.logFile === ourOutput ? undefined : openLog(options.logFile)
  let child: ChildProcess
  try {
    child = spawn(file as string, [...prefix, options.command, ...options.args], {
      env: options.env,
      cwd: options.cwd ?? '/',
      stdio: ['ignore', log ?? 'inherit', log ?? 'inherit'],
      // Its own process group: a terminal's Ctrl-C reaches the supervisor alone, which stops children in order.
      detached: options.detached ?? true,
    })
  } finally {
    if (log !== undefined) closeSync(log)
  }
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
    child.once('error', () => resolve({ code: 127, signal: null }))
  })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', (cause) => reject(new Error(`cannot run ${file}: install util-linux`, { cause })))
  })
  const pid = child.pid as number
  return { pid, exited, stop: (stopping) => stopChild(child, exited, stopping ?? {}) }
}

function openLog(path: string): number {
  mkdirSync(dirname(path), { recursive: true })
  return openSync(path, 'a', 0o600)
}

async function stopChild(
  child: ChildProcess,
  exited: Promise<Exit>,
  { signals = ['SIGTERM'], graceMs = 10_000 }: { signals?: NodeJS.Signals[]; graceMs?: number },
): Promise<Exit> {
  for (const name of signals) {
    child.kill(name)
    const exit = await within(exited, graceMs)
    if (exit) return exit
  }
  child.kill('SIGKILL')
  return exited
}

/** The promise's value, or undefined when `ms` milliseconds pass first. */
export async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms)
  })
  try {
    return await Promise.race([promise, timeout])
  } finally {
    clearTimeout(timer)
  }
}
