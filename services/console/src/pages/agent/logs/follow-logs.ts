import { ApiProblem } from '@nora/client/problem'
import { type LogsFrame, streamProtocol } from '@nora/contract/streams'
import { problemWords } from '@nora/ui/lib/problem-words'
import { afterClose } from './close-words.ts'

export type FeedStatus =
  | { kind: 'connecting' }
  | { kind: 'live' }
  | { kind: 'waiting'; why: string; seconds: number }
  /** Not tried again by itself. */
  | { kind: 'ended'; why: string }

type Following = {
  agentId: string
  /** Gets a ticket for one connection. */
  ticket: (signal: AbortSignal) => Promise<string>
  /** The number to go on after; undefined: the newest lines. */
  after: () => number | undefined
  onFrame: (frame: LogsFrame) => void
  onStatus: (status: FeedStatus) => void
  signal: AbortSignal
}

const mostPauseMs = 15_000
/** A connection that stood this long was a good one. */
const settledMs = 10_000

/** Reads an agent's log as it is written, over one connection after the other, until `signal` says to stop or it cannot go on. */
export async function followLogs(following: Following): Promise<void> {
  const { onStatus, signal } = following
  for (let failures = 0; !signal.aborted; failures++) {
    if (failures === 0) onStatus({ kind: 'connecting' })
    const began = Date.now()
    const end = await connect(following)
    if (signal.aborted) return
    if (!end.again) return onStatus({ kind: 'ended', why: end.why })
    if (Date.now() - began > settledMs) failures = 0
    const pauseMs = end.pauseMs ?? Math.min(mostPauseMs, 500 * 2 ** failures) * (0.75 + Math.random() / 2)
    onStatus({ kind: 'waiting', why: end.why, seconds: Math.ceil(pauseMs / 1000) })
    await pause(pauseMs, signal)
  }
}

type End = { again: boolean; why: string; pauseMs?: number }

async function connect({ agentId, ticket, after, onFrame, onStatus, signal }: Following): Promise<End> {
  let given: string
  try {
    given = await ticket(signal)
  } catch (error) {
    return refused(error)
  }
  const url = new URL(`/api/ws/logs/${agentId}`, window.location.href)
  url.protocol = url.protocol.replace('http', 'ws')
  const from = after()
  if (from !== undefined) url.searchParams.set('after', String(from))
  return new Promise((resolve) => {
    const socket = new WebSocket(url, [streamProtocol, `ticket.${given}`])
    const leave = () => socket.close(1000)
    signal.addEventListener('abort', leave, { once: true })
    socket.onopen = () => onStatus({ kind: 'live' })
    socket.onmessage = ({ data }) => {
      if (typeof data === 'string' && !signal.aborted) onFrame(JSON.parse(data) as LogsFrame)
    }
    socket.onclose = ({ code }) => {
      signal.removeEventListener('abort', leave)
      resolve(afterClose(code))
    }
  })
}

function refused(error: unknown): End {
  const { text, detail } = problemWords(error)
  const why = [text, detail].filter(Boolean).join(' ')
  if (!(error instanceof ApiProblem)) return { again: false, why }
  const wait = error.problem['retryAfterSeconds']
  if (typeof wait === 'number') return { again: true, why, pauseMs: wait * 1000 }
  return { again: error.status === 0 || error.status >= 500, why }
}

/** Waits, but not longer than until the browser is online again. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      window.removeEventListener('online', done)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    window.addEventListener('online', done)
    signal.addEventListener('abort', done)
  })
}
