import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { LogsFrame } from '@nora/contract/streams'
import { type WebSocket, WebSocketServer } from 'ws'

/**
 * Speaks the worker's side of `/internal/logs` and `/internal/exec` for tests of the api alone: one long log in memory, served
 * after `after`, and terminals that a script plays. The end-to-end tests run the same streams against a real worker.
 */
export type StandInWorker = {
  url: string
  /** Requests in the order they came, with their capability. */
  requests: { capability: string; after: string | null; generation: string | null }[]
  /** The same of terminals: what was asked for, without a leading `?`. */
  terminals: { capability: string; query: string }[]
  stop: () => Promise<void>
}

export type Script = (
  send: (frame: LogsFrame) => Promise<void>,
  after: number,
  socket: WebSocket,
) => Promise<void>

/** Plays a terminal on one socket. */
export type ExecScript = (socket: WebSocket, query: URLSearchParams) => void
const greet: ExecScript = (socket) =>
  socket.send(JSON.stringify({ type: 'session', id: '00000000-0000-4000-8000-000000000001' }))

/** Starts one; `script` runs for every connection with a `send` that resolves when the frame left this process. */
export async function standInWorker(script: Script, exec: ExecScript = greet): Promise<StandInWorker> {
  const requests: StandInWorker['requests'] = []
  const terminals: StandInWorker['terminals'] = []
  const http = createServer((_request, response) => response.writeHead(404).end())
  const server = new WebSocketServer({ server: http, perMessageDeflate: false })
  server.on('connection', (socket: WebSocket, request: IncomingMessage) => {
    const url = new URL(request.url ?? '', 'http://worker')
    const capability = String(request.headers['x-nora-capability'])
    if (url.pathname === '/internal/exec') {
      terminals.push({ capability, query: url.search.slice(1) })
      return exec(socket, url.searchParams)
    }
    const after = url.searchParams.get('after')
    requests.push({ capability, after, generation: url.searchParams.get('generation') })
    const send = (frame: LogsFrame) =>
      new Promise<void>((resolve) => socket.send(JSON.stringify(frame), () => resolve()))
    script(send, Number(after ?? 0), socket).catch(() => socket.terminate())
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    requests,
    terminals,
    stop: async () => {
      for (const socket of server.clients) socket.terminate()
      server.close()
      http.closeAllConnections()
      http.close()
      await once(http, 'close')
    },
  }
}

/** Line number `seq` of the stand-in's log. */
export const line = (seq: number, text = `line ${seq}`) => ({
  seq,
  ts: '2026-01-02T03:04:05.000000001Z',
  stream: 'stdout' as const,
  text,
})
