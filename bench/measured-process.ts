import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nodeProcess } from '@nora/supervisor/node-process'
import { cpuMs } from './proc.ts'
import type { BenchServices } from './services.ts'

export type MeasuredProcess = {
  pid: number
  /** CPU milliseconds that it has used so far, user and system, all threads. */
  cpuMs(): Promise<number>
  end(signal?: NodeJS.Signals): Promise<void>
}

/**
 * Starts a TypeScript program of ours as a process of its own, ended with the bench, as the supervisor starts a service: its
 * memory settings are part of what a request costs. `file` is relative to the repository.
 */
export async function measuredProcess(
  services: BenchServices,
  file: string,
  env: Record<string, string>,
): Promise<MeasuredProcess> {
  const program = fileURLToPath(new URL(`../${file}`, import.meta.url))
  const logFile = join(await services.folder(), 'log')
  // For a profile of what is measured: `--cpu-prof --cpu-prof-dir=/tmp/profile`.
  const extra = process.env['NORA_BENCH_NODE_OPTIONS']?.split(' ') ?? []
  const node = nodeProcess(await services.folder())
  const child = spawn(process.execPath, [...node.args, ...extra, program], {
    env: { PATH: process.env['PATH'], ...node.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const log = createWriteStream(logFile)
  child.stdout.pipe(log, { end: false })
  child.stderr.pipe(log, { end: false })
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const pid = child.pid
  if (pid === undefined) throw new Error(`${file} did not start`)
  const end = async (signal: NodeJS.Signals = 'SIGTERM') => {
    child.kill(signal)
    await gone
  }
  services.defer(end)
  return {
    pid,
    end,
    cpuMs: () => cpuMs(pid),
  }
}

/** Waits until the address answers 200; shows what it answered last when it does not. */
export async function untilReady(url: string, signal: AbortSignal): Promise<void> {
  let last: unknown
  for (let tries = 0; tries < 300; tries++) {
    signal.throwIfAborted()
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(5_000) })
      last = response.status
      if (response.ok) return
    } catch (error) {
      last = error
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`${url} did not become ready: ${String(last)}`)
}
