import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const main = fileURLToPath(new URL('../../services/netguard/src/main.ts', import.meta.url))

export type GuardProcess = {
  start(): void
  /** Ends the process; its rules stay. */
  stop(): Promise<void>
  /** Ends it and takes its rules away. */
  remove(): Promise<void>
}

/**
 * The real host guard on this machine, for one stack's pool alone. Of the machine it is shown another resolv.conf, so that the name
 * server it opens is the test's own.
 */
export function guardProcess(of: {
  installation: string
  pool: string
  folder: string
  statusFile: string
  resolver: string
  allow: string
}): GuardProcess {
  const env = {
    PATH: '/usr/sbin:/sbin:/usr/bin:/bin',
    NORA_INSTALLATION_ID: of.installation,
    NORA_AGENT_NETWORK_POOL: of.pool,
    NORA_EGRESS_ALLOW: of.allow,
    NORA_NETGUARD_STATUS: of.statusFile,
  }
  let child: ChildProcess | undefined
  const stop = async () => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child?.once('exit', resolve))
    child.kill('SIGTERM')
    await gone
  }
  return {
    start() {
      const file = join(of.folder, 'resolv.conf')
      const script = `printf 'nameserver %s\\n' "$2" > "$1" && mount --bind "$1" /etc/resolv.conf && shift 2 && exec "$@"`
      const words = ['-c', script, 'sh', file, of.resolver, process.execPath, main]
      child = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', ...words], {
        env,
        stdio: ['ignore', 'ignore', 'inherit'],
      })
    },
    stop,
    async remove() {
      await stop()
      await run(process.execPath, [main, '--remove'], { env, timeout: 180_000 })
    },
  }
}

/** A guard that says that all is well, each half second, without any rule: what a worker must not believe alone. */
export function lyingGuard(statusFile: string): { end(): void } {
  const lie = () =>
    void writeFile(
      statusFile,
      JSON.stringify({ ok: true, at: new Date().toISOString(), reason: 'a lie' }),
    ).catch(() => undefined)
  lie()
  const timer = setInterval(lie, 500)
  return { end: () => clearInterval(timer) }
}
