import { randomBytes } from 'node:crypto'
import { chmod, chown, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Child, type Exit, launch } from './child.ts'
import { freePort } from './free-port.ts'
import { linkPostgresLibraries, postgresBinary } from './postgres-files.ts'
import { isRoot, type RunAs } from './privileges.ts'
import { lastLines, untilReady, waitFor } from './wait.ts'

export type PostgresOptions = {
  /** Made and initialised when missing. Its parent must be enterable by `runAs`. */
  dataDir: string
  /** A folder for a unix socket besides the loopback port. */
  socketDir?: string
  /** A fixed loopback port; a free one when absent. */
  port?: number
  logFile: string
  /** Ends the starting; a running server is ended with `stop`. */
  signal: AbortSignal
  runAs?: RunAs
  /** Further settings of the server, such as more addresses to listen on. They win. */
  settings?: Record<string, string>
  /** For tests: no fsync and small buffers. A crash may lose the data. */
  fast?: boolean
}

export type Postgres = {
  port: number
  /** URL of the superuser `postgres` on 127.0.0.1, password included. */
  superuserUrl: string
  pid: number
  exited: Promise<Exit>
  /** Fast shutdown (SIGINT), then immediate (SIGQUIT). */
  stop(): Promise<void>
}

const environment = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }
/** It may have to recover from a crash first. */
const startDeadlineMs = 180_000

/**
 * Starts the embedded Postgres on 127.0.0.1, making its data folder first when there is none. Clients always need
 * the password (scram-sha-256), the superuser's is kept beside the data folder in `<dataDir>.superuser` (0600).
 * Throws with the server's last lines when it does not come up.
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  await linkPostgresLibraries()
  const password = await ensureCluster(options)
  await endStrayServer(options)
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort())
    try {
      const child = await startServer(options, port)
      return {
        port,
        superuserUrl: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
        pid: child.pid,
        exited: child.exited,
        stop: async () => {
          await child.stop({ signals: ['SIGINT', 'SIGQUIT'], graceMs: 5_000 })
        },
      }
    } catch (error) {
      // Somebody took the free port between our looking and the server's binding.
      const taken = error instanceof Error && error.message.includes('could not bind')
      if (!taken || options.port !== undefined || attempt === 3) throw error
    }
  }
}

async function startServer(options: PostgresOptions, port: number): Promise<Child> {
  if (options.socketDir) await ensureFolder(options.socketDir, options.runAs, 0o711)
  const settings: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: options.socketDir ?? '',
    password_encryption: 'scram-sha-256',
    timezone: 'UTC',
    log_line_prefix: '%m [%p] ',
    ...(options.fast
      ? { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', shared_buffers: '64MB' }
      : {}),
    ...options.settings,
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const child = await run(options, options.dataDir, 'postgres', ['-D', options.dataDir, ...flags])
  try {
    await untilReady(
      child,
      async () => ((await readPidFile(options.dataDir))?.readyPid === child.pid ? true : undefined),
      { name: 'postgres', logFile: options.logFile, signal: options.signal, deadlineMs: startDeadlineMs },
    )
  } catch (error) {
    await child.stop({ signals: ['SIGQUIT'], graceMs: 3_000 })
    throw error
  }
  return child
}

/**
 * Makes the cluster when there is none. Returns the superuser's password. It is made beside its place and renamed,
 * so an initdb that was interrupted never passes for a cluster and a cluster is never made over another.
 */
async function ensureCluster(options: PostgresOptions): Promise<string> {
  const secretFile = `${options.dataDir}.superuser`
  const version = await stat(`${options.dataDir}/PG_VERSION`).catch(ignoreMissing)
  if (version) return (await readFile(secretFile, 'utf8')).trim()
  await mkdir(dirname(options.dataDir), { recursive: true })
  const fresh = `${options.dataDir}.new`
  await rm(fresh, { recursive: true, force: true })
  await ensureFolder(fresh, options.runAs, 0o700)
  const password = randomBytes(24).toString('base64url')
  const passwordFile = `${options.dataDir}.initdb`
  await writeFile(passwordFile, password, { mode: 0o600 })
  if (options.runAs) await chown(passwordFile, options.runAs.uid, options.runAs.gid)
  try {
    const child = await run(options, fresh, 'initdb', [
      ...['-D', fresh, '--username=postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`],
      ...['--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'],
      ...(options.fast ? ['--no-sync'] : []),
    ])
    const abort = () => void child.stop({ graceMs: 1_000 })
    options.signal.addEventListener('abort', abort, { once: true })
    const exit = await child.exited
    options.signal.removeEventListener('abort', abort)
    options.signal.throwIfAborted()
    if (exit.code !== 0) throw new Error(`initdb failed:\n${await lastLines(options.logFile)}`)
    await rm(secretFile, { force: true })
    await writeFile(secretFile, password, { mode: 0o600 })
    await rename(fresh, options.dataDir)
  } finally {
    await rm(passwordFile, { force: true })
    await rm(fresh, { recursive: true, force: true })
  }
  return password
}

/**
 * Postgres refuses to run as root. A given uid is the boundary we want; without one a user namespace in which we
 * are uid 65534 satisfies it (the files stay root's, so that is no boundary, and only tests run this way).
 */
function run(
  options: PostgresOptions,
  cwd: string,
  name: 'postgres' | 'initdb',
  args: string[],
): Promise<Child> {
  const binary = postgresBinary(name)
  const common = { env: environment, cwd, logFile: options.logFile } as const
  // SIGINT is Postgres's fast shutdown; SIGTERM would wait for every client to leave.
  if (options.runAs || !isRoot()) {
    return launch({ ...common, command: binary, args, runAs: options.runAs, deathSignal: 'INT' })
  }
  return launch({
    ...common,
    command: 'unshare',
    // Entering the namespace changes credentials, which clears the death signal: set it again inside.
    args: [
      ...['-U', '--map-user=65534', '--map-group=65534'],
      ...['setpriv', '--pdeathsig', 'INT', binary, ...args],
    ],
    deathSignal: 'INT',
  })
}

/** A server left over from a supervisor that died holds the data folder: end it, or forget a dead one's pid file. */
async function endStrayServer(options: PostgresOptions): Promise<void> {
  const found = await readPidFile(options.dataDir)
  if (!found) return
  const isOurs = async () => (await commandLine(found.pid)).includes(options.dataDir)
  if (await isOurs()) {
    process.kill(found.pid, 'SIGINT')
    await waitFor(async () => ((await isOurs()) ? undefined : true), {
      signal: options.signal,
      deadlineMs: 60_000,
      describe: async () => `postgres (pid ${found.pid}) holds ${options.dataDir} and does not stop: end it`,
    })
  }
  // The pid may belong to someone else by now, and Postgres would refuse to start for its sake.
  await rm(`${options.dataDir}/postmaster.pid`, { force: true })
}

const ignoreMissing = (error: NodeJS.ErrnoException): undefined => {
  if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error
}

const commandLine = async (pid: number): Promise<string> =>
  (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(ignoreMissing)) ?? ''

/** postmaster.pid: line 1 is the pid, line 8 says `ready` once clients are let in (what pg_ctl reads too). */
async function readPidFile(dataDir: string): Promise<{ pid: number; readyPid?: number } | undefined> {
  const text = await readFile(`${dataDir}/postmaster.pid`, 'utf8').catch(ignoreMissing)
  const lines = (text ?? '').split('\n')
  const pid = Number(lines[0])
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  return lines[7]?.trim() === 'ready' ? { pid, readyPid: pid } : { pid }
}

async function ensureFolder(path: string, owner: RunAs | undefined, mode: number): Promise<void> {
  await mkdir(path, { recursive: true, mode })
  await chmod(path, mode)
  if (owner) await chown(path, owner.uid, owner.gid)
}
