import { chmod, rm } from 'node:fs/promises'
import { createConnection, createServer } from 'node:net'
import type { ProcessStatus } from './keep-running.ts'

export type SupervisorStatus = {
  pid: number
  installationId: string
  url: string
  /** True once the api answered its readiness check after this start. */
  ready: boolean
  /** What the supervisor is doing now, for people. */
  step: string
  /** Why the start failed; the supervisor ends soon after. */
  failed: string | null
  /** What keeps a start from coming to its end until somebody does something about it; it goes on trying. */
  blocked: string | null
  processes: ProcessStatus[]
}

/** `pause` stops like `stop`, but leaves an engine that the supervisor started, and so the agents, running. */
export type Command = 'status' | 'stop' | 'pause' | 'restart-api'

/**
 * Answers one command a connection on a unix socket that only its owner may use (mode 0600). Replaces a socket left
 * by a supervisor that died: callers make sure first that none is alive.
 */
export async function serveStatus(
  path: string,
  handlers: { status(): SupervisorStatus; stop(options: { keepEngine: boolean }): void; restartApi(): void },
): Promise<() => Promise<void>> {
  await rm(path, { force: true })
  const server = createServer((socket) => {
    socket.setTimeout(20_000, () => socket.destroy())
    socket.on('error', () => socket.destroy()) // the asker went away
    socket.once('data', (data) => {
      const command = data.toString('utf8').trim() as Command
      if (command === 'stop' || command === 'pause') handlers.stop({ keepEngine: command === 'pause' })
      if (command === 'restart-api') handlers.restartApi()
      socket.end(`${JSON.stringify(handlers.status())}\n`)
    })
  })
  const before = process.umask(0o177)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, resolve)
    })
  } finally {
    process.umask(before)
  }
  await chmod(path, 0o600)
  return () => new Promise((resolve) => server.close(() => resolve()))
}

/** No socket, nobody behind it, or somebody who ended just now. */
const gone = new Set(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'])

/** Sends a command; the supervisor's status, or undefined when no supervisor listens there. */
export function askSupervisor(path: string, command: Command): Promise<SupervisorStatus | undefined> {
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = createConnection(path, () => socket.write(`${command}\n`))
    socket.setTimeout(30_000, () => socket.destroy(new Error(`the supervisor does not answer on ${path}`)))
    socket.on('data', (data) => {
      text += data
    })
    // Nothing said, or cut off: it ended while we asked.
    socket.on('end', () => resolve(text.endsWith('\n') ? JSON.parse(text) : undefined))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (gone.has(error.code ?? '')) resolve(undefined)
      else if (error.code === 'EACCES')
        reject(new Error(`${path} belongs to another user: run this as that user`))
      else reject(error)
    })
  })
}
