import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'

// A worker's side of `/internal/logs` in a process of its own: an agent's log that comes as fast as it is taken, or, for
// viewers who ask after line 1, a line each 20 ms that says when it was sent. Prints where it listens.

const lines = Array.from({ length: 50 }, (_, index) => ({
  ...{ seq: index + 2, ts: '2026-01-02T03:04:05.000000001Z', stream: 'stdout' },
  text: 'x'.repeat(1_000),
}))
const frame = JSON.stringify({ type: 'lines', lines })

function flood(socket: WebSocket): void {
  const more = () => {
    if (socket.readyState !== socket.OPEN) return
    while (socket.bufferedAmount < 1024 * 1024) socket.send(frame)
    socket.send(frame, () => setImmediate(more))
  }
  more()
}

function tick(socket: WebSocket): void {
  let seq = 1
  const timer = setInterval(() => {
    const line = { seq: ++seq, ts: new Date().toISOString(), stream: 'stdout', text: String(Date.now()) }
    socket.send(JSON.stringify({ type: 'lines', lines: [line] }))
  }, 20)
  socket.on('close', () => clearInterval(timer))
}

const http = createServer((_request, response) => response.writeHead(404).end())
const server = new WebSocketServer({ server: http, path: '/internal/logs', perMessageDeflate: false })
server.on('connection', (socket: WebSocket, request: IncomingMessage) => {
  socket.on('error', () => socket.terminate())
  const after = new URL(request.url ?? '', 'http://worker').searchParams.get('after')
  if (after === '1') tick(socket)
  else flood(socket)
})
http.listen(0, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${(http.address() as AddressInfo).port}\n`)
})
