import { type ExecFrame, type ExecRequest, streamProtocol } from '@nora/contract/streams'
import { afterExecClose } from './exec-close.ts'
import { partsOf } from './parts.ts'

export type TerminalState =
  | { kind: 'connecting' }
  | { kind: 'open' }
  | { kind: 'waiting'; why: string; seconds: number }
  /** `problem` where the api refused; `session`: the shell may still be there to come back to. */
  | { kind: 'ended'; why: string; session: boolean; problem?: unknown }

type Screen = {
  size: () => { cols: number; rows: number }
  /** Shows bytes; calls back when they are on the screen. */
  write: (bytes: Uint8Array, shown: () => void) => void
  reset: () => void
}
type Options = {
  agentId: string
  ticket: () => Promise<string>
  screen: Screen
  /** The session to come back to, which stays known while the page is at other tabs. */
  session: { get: () => string | undefined; set: (id: string | undefined) => void }
  onState: (state: TerminalState) => void
}

const mostPauseMs = 10_000
const mostTries = 30

/** One terminal, over one connection after the other, until its shell ends, `end` or `leave`. */
export function connectTerminal({ agentId, ticket, screen, session, onState }: Options) {
  let socket: WebSocket | undefined
  let left = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let failures = 0
  /** What is shown again answers no question that the shell asked of the terminal once. */
  let replaying = false
  let exit: number | undefined

  async function open(): Promise<void> {
    onState({ kind: 'connecting' })
    let given: string
    try {
      given = await ticket()
    } catch (problem) {
      if (!left) onState({ kind: 'ended', why: '', session: session.get() !== undefined, problem })
      return
    }
    if (left) return
    const url = new URL(`/api/ws/exec/${agentId}`, window.location.href)
    url.protocol = url.protocol.replace('http', 'ws')
    const { cols, rows } = screen.size()
    url.searchParams.set('cols', String(cols))
    url.searchParams.set('rows', String(rows))
    const known = session.get()
    if (known !== undefined) url.searchParams.set('session', known)
    const made = new WebSocket(url, [streamProtocol, `ticket.${given}`])
    socket = made
    made.binaryType = 'arraybuffer'
    made.onmessage = ({ data }) => {
      if (typeof data === 'string') return take(JSON.parse(data) as ExecFrame, known !== undefined)
      screen.write(new Uint8Array(data as ArrayBuffer), () => {
        replaying = false
      })
    }
    made.onclose = ({ code, reason }) => {
      if (socket === made) closed(code, reason)
    }
  }

  function take(frame: ExecFrame, back: boolean): void {
    if (frame.type === 'exit') {
      exit = frame.code
      return
    }
    screen.reset()
    replaying = back
    session.set(frame.id)
    failures = 0
    onState({ kind: 'open' })
    resize()
  }

  function closed(code: number, reason: string): void {
    socket = undefined
    if (left) return
    const { again, session: stays, why } = afterExecClose(code, reason)
    if (!stays) session.set(undefined)
    if (!again || ++failures > mostTries) {
      const ended = exit === undefined ? why : `The shell has ended with code ${exit}.`
      onState({ kind: 'ended', why: ended, session: stays })
      return
    }
    const pauseMs = Math.min(mostPauseMs, 500 * 2 ** (failures - 1)) * (0.75 + Math.random() / 2)
    onState({ kind: 'waiting', why, seconds: Math.ceil(pauseMs / 1000) })
    timer = setTimeout(() => void open(), pauseMs)
  }

  function resize(): void {
    const { cols, rows } = screen.size()
    const request: ExecRequest = { type: 'resize', cols, rows }
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(request))
  }

  void open()
  return {
    type(bytes: Uint8Array<ArrayBuffer>): void {
      if (replaying || socket?.readyState !== WebSocket.OPEN) return
      for (const part of partsOf(bytes)) socket.send(part)
    },
    resize,
    /** Ends the shell. */
    end(): void {
      clearTimeout(timer)
      session.set(undefined)
      if (socket) socket.close(1000)
      else onState({ kind: 'ended', why: 'The terminal is closed.', session: false })
    },
    /** Goes, and leaves the shell for five minutes. */
    leave(): void {
      left = true
      clearTimeout(timer)
      socket?.close()
    },
  }
}
export type TerminalConnection = ReturnType<typeof connectTerminal>
