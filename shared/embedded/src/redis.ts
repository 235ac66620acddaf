import { chmod, chown, mkdir, rm } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { dirname } from 'node:path'
import { type Exit, launch } from './child.ts'
import { findProgram } from './find-program.ts'
import type { RunAs } from './privileges.ts'
import { untilReady } from './wait.ts'

export type RedisOptions = {
  /** Working folder; the append-only file lives here. */
  dir: string
  /** At most 107 bytes (sockaddr_un). Whoever may enter its folder and is in its group may connect. */
  socketPath: string
  /** false keeps everything in memory (tests). */
  persistent: boolean
  logFile?: string
  signal: AbortSignal
  runAs?: RunAs
}

export type Redis = {
  /** The socket's path: what ioredis takes for a unix socket (it knows no unix: scheme). */
  url: string
  pid: number
  exited: Promise<Exit>
  stop(): Promise<void>
}

/**
 * Starts redis-server on a unix socket alone (no TCP port), never evicting, with an append-only file when
 * persistent. Throws, naming the fix, when redis-server is not installed or does not come up.
 */
export async function startRedis(options: RedisOptions): Promise<Redis> {
  const binary = findProgram('redis-server')
  if (!binary) {
    throw new Error('redis-server is not on PATH: run `apt-get install redis-server`, or set REDIS_URL')
  }
  if (Buffer.byteLength(options.socketPath) > 107) {
    throw new Error(`the Redis socket path is longer than 107 bytes: ${options.socketPath}`)
  }
  const logFile = options.logFile ?? `${options.dir}/redis.log`
  await ownFolder(options.dir, options.runAs, 0o700)
  await ownFolder(dirname(options.socketPath), options.runAs, 0o750)
  await rm(options.socketPath, { force: true })
  const settings: Record<string, string> = {
    port: '0',
    unixsocket: options.socketPath,
    unixsocketperm: options.runAs ? '770' : '700',
    dir: options.dir,
    'maxmemory-policy': 'noeviction',
    save: '',
    appendonly: options.persistent ? 'yes' : 'no',
    appendfsync: 'everysec',
    daemonize: 'no',
    supervised: 'no',
  }
  const child = await launch({
    command: binary,
    args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' },
    cwd: options.dir,
    runAs: options.runAs,
    logFile,
  })
  try {
    await untilReady(child, async () => ((await ping(options.socketPath)) ? true : undefined), {
      ...{ name: 'redis-server', logFile, signal: options.signal, deadlineMs: 120_000 },
    })
  } catch (error) {
    await child.stop({ graceMs: 2_000 })
    throw error
  }
  return {
    url: options.socketPath,
    pid: child.pid,
    exited: child.exited,
    stop: async () => {
      await child.stop({ graceMs: 8_000 })
    },
  }
}

/** Whether a Redis answers PONG on this socket (not -LOADING, not a refused connection) within a second. */
export function ping(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(socketPath)
    const finish = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(1_000, () => finish(false))
    socket.once('error', () => finish(false))
    socket.once('connect', () => socket.write('PING\r\n'))
    socket.once('data', (data) => finish(data.toString('latin1').startsWith('+PONG')))
  })
}

async function ownFolder(path: string, owner: RunAs | undefined, mode: number): Promise<void> {
  await mkdir(path, { recursive: true })
  if (!owner) return
  await chmod(path, mode)
  await chown(path, owner.uid, owner.gid)
}
