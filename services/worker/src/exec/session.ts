import type { ExecFrame } from '@nora/contract/streams'
import type { ViewerActor } from '@nora/db/actor'
import type { Logger } from '@nora/log/logger'
import type { WebSocket } from 'ws'
import type { Terminal, TerminalSize } from '../backends/backend.ts'
import { keepAlive } from '../streams/keep-alive.ts'
import { execClose, goneWord } from './close.ts'
import { replay } from './replay.ts'
import { resizeOf } from './requests.ts'

/** How a session ended; the word stands in the audit. */
export type How =
  | 'exit'
  | 'closed'
  | 'abandoned'
  | 'idle'
  | 'too-long'
  | 'revoked'
  | 'agent-ended'
  | 'worker-stopped'

export const execLimits = {
  /** Nobody has typed for this long. */
  idleMs: 15 * 60_000,
  longestMs: 8 * 3_600_000,
  /** A session without a socket waits for whoever comes back. */
  graceMs: 5 * 60_000,
  /** What one worker has open, with those that wait for somebody to come back. */
  aPerson: 20,
  inAll: 256,
}
export type ExecLimits = typeof execLimits

const replayBytes = 64 * 1024
/** Bytes waiting for a slow side above which the other is not read any more, and below which it is again. */
const pauseAbove = 1024 * 1024
const resumeBelow = 512 * 1024
/** What a terminal that nobody watches may print before it has to wait a little: it runs on, and costs no whole core. */
const unwatchedBytes = 256 * 1024
const unwatchedMs = 250
const resizeMs = 10_000

export type ExecSession = {
  readonly id: string
  readonly agentId: string
  /** The stream by whose proof it is open now. */
  actor(): ViewerActor
  /** Gives it this socket, and shows what was on the screen; a socket that it had is told so and closed. */
  attach(ws: WebSocket, actor: ViewerActor): void
  resize(size: TerminalSize): void
  end(how: How, code?: number, reason?: string): void
}

/**
 * One terminal with the socket it has for now, if any. `onEnd` is called once, when nothing of it is shown or read any more; the
 * programs in it are still there unless the shell ended (`exit`).
 */
export function execSession(
  about: { id: string; agentId: string; actor: ViewerActor; terminal: Terminal; log: Logger },
  limits: ExecLimits,
  onEnd: (how: How, exitCode: number | undefined) => void,
): ExecSession {
  const { id, agentId, terminal, log } = about
  const { stream } = terminal
  const screen = replay(replayBytes)
  let { actor } = about
  let socket: WebSocket | undefined
  let over = false
  let unwatched = 0
  let breath: NodeJS.Timeout | undefined
  const late = setTimeout(() => end('too-long', execClose.tryAgain, 'open for eight hours'), limits.longestMs)
  const idle = setTimeout(() => end('idle', execClose.idle), limits.idleMs)
  // Armed again whenever a socket goes.
  const grace = setTimeout(() => {
    if (!socket) end('abandoned')
  }, limits.graceMs)
  const resize = latestOnly((size: TerminalSize) => terminal.resize(size, AbortSignal.timeout(resizeMs)), log)

  const send = (ws: WebSocket, data: Buffer | string) =>
    ws.send(data, { binary: typeof data !== 'string' }, () => {
      if (!over && ws === socket && stream.isPaused() && ws.bufferedAmount < resumeBelow) stream.resume()
    })

  function show(chunk: Buffer): void {
    screen.push(chunk)
    if (socket) {
      send(socket, chunk)
      if (socket.bufferedAmount > pauseAbove) stream.pause()
      return
    }
    unwatched += chunk.length
    if (unwatched < unwatchedBytes) return
    unwatched = 0
    stream.pause()
    breath = setTimeout(() => stream.resume(), unwatchedMs)
  }

  function type(ws: WebSocket, data: Buffer): void {
    idle.refresh()
    if (!stream.writable) return
    stream.write(data)
    if (stream.writableLength < pauseAbove || ws.isPaused) return
    ws.pause()
    stream.once('drain', () => ws.resume())
  }

  function leave(ws: WebSocket, code: number): void {
    if (ws !== socket || over) return
    socket = undefined
    // Whoever closes by hand is done; whoever drops may come back.
    if (code === execClose.done) end('closed')
    else {
      grace.refresh()
      stream.resume()
    }
  }

  function end(how: How, code: number = execClose.tryAgain, reason = '', exitCode?: number): void {
    if (over) return
    over = true
    for (const timer of [late, idle, grace, breath]) clearTimeout(timer)
    socket?.resume()
    socket?.close(code, reason)
    stream.destroy()
    onEnd(how, exitCode)
  }

  async function shellEnded(): Promise<void> {
    if (over) return
    const code = await terminal.exitCode(AbortSignal.timeout(5_000)).catch(() => undefined)
    if (code === undefined) return end('agent-ended', execClose.agentGone, goneWord.agent)
    if (socket && !over) send(socket, frame({ type: 'exit', code }))
    end('exit', execClose.done, '', code)
  }

  stream.on('data', show)
  stream.on('close', () => void shellEnded())
  stream.on('end', () => stream.destroy())

  return {
    id,
    agentId,
    actor: () => actor,
    resize: (size) => void resize(size),
    attach(ws, by) {
      if (over) return ws.close(execClose.agentGone, goneWord.session)
      if (ws.readyState !== ws.OPEN) return
      const before = socket
      socket = ws
      actor = by
      before?.resume()
      before?.close(execClose.takenOver)
      clearTimeout(breath)
      unwatched = 0
      grace.refresh()
      idle.refresh()
      const stopPings = keepAlive(ws)
      ws.on('close', (code) => {
        stopPings()
        leave(ws, code)
      })
      ws.on('message', (data: Buffer, isBinary) => {
        if (over || ws !== socket) return
        if (isBinary) return type(ws, data)
        const asked = resizeOf(data.toString('utf8'))
        if (asked) void resize(asked)
        else ws.close(execClose.unknown, 'no such frame')
      })
      send(ws, frame({ type: 'session', id }))
      const shown = screen.contents()
      if (shown.length > 0) send(ws, shown)
      stream.resume()
    },
    end: (how, code, reason) => end(how, code, reason),
  }
}

const frame = (said: ExecFrame) => JSON.stringify(said)

/** One call at a time, then the last that was asked for meanwhile: a flood of them costs the engine no more. */
function latestOnly(run: (size: TerminalSize) => Promise<void>, log: Logger) {
  let waiting: TerminalSize | undefined
  let running = false
  return async (size: TerminalSize): Promise<void> => {
    waiting = size
    if (running) return
    running = true
    while (waiting) {
      const next = waiting
      waiting = undefined
      await run(next).catch((error) => log.debug({ err: error }, 'a terminal was not resized'))
    }
    running = false
  }
}
