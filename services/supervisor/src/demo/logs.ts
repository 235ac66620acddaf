import WebSocket from 'ws'
import type { ApiClient } from './client.ts'

export type LogLine = { seq: number; ts: string; stream: string; text: string }

export type LogFollower = {
  lines: LogLine[]
  /** The first line that fits, seen already or coming; undefined after `deadlineMs`. */
  find(check: (line: LogLine) => boolean, deadlineMs: number): Promise<LogLine | undefined>
  close(): void
}

/**
 * Follows an agent's log from its beginning over `/api/ws/logs`: a one-use ticket in the subprotocol and the bearer
 * session that minted it. Rejects when the api does not admit the socket.
 */
export async function followLogs(
  api: ApiClient,
  agentId: string,
  onLine: (line: LogLine) => void,
): Promise<LogFollower> {
  const { body } = await api.call('POST', 'ws-tickets', { body: { kind: 'logs', agentId }, expect: [201] })
  const socket = new WebSocket(
    `${api.url.replace(/^http/, 'ws')}/api/ws/logs/${agentId}?after=0`,
    ['nora.v1', `ticket.${body['ticket']}`],
    {
      headers: { authorization: `Bearer ${api.token()}` },
      perMessageDeflate: false,
      handshakeTimeout: 60_000,
    },
  )
  const lines: LogLine[] = []
  const waiting = new Set<(line: LogLine) => void>()
  socket.on('message', (data) => {
    const frame = JSON.parse(String(data)) as { type: string; lines?: LogLine[] }
    if (frame.type !== 'lines') return
    for (const line of frame.lines ?? []) {
      lines.push(line)
      onLine(line)
      for (const look of waiting) look(line)
    }
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
    socket.once('close', (code) => reject(new Error(`the log stream was closed with ${code}`)))
  })
  socket.on('error', () => socket.terminate())
  return {
    lines,
    close: () => socket.close(),
    find: (check, deadlineMs) =>
      new Promise((resolve) => {
        const seen = lines.find(check)
        if (seen) return resolve(seen)
        const finish = (line: LogLine | undefined) => {
          clearTimeout(timer)
          waiting.delete(look)
          resolve(line)
        }
        const look = (line: LogLine) => check(line) && finish(line)
        const timer = setTimeout(() => finish(undefined), deadlineMs)
        waiting.add(look)
      }),
  }
}
