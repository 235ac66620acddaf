import type { WebSocket } from 'ws'

const pingEveryMs = 20_000

/** Ends a socket whose other side is gone without a word; one that is not being read hears nothing, and is let be. */
export function keepAlive(ws: WebSocket): () => void {
  let alive = true
  ws.on('pong', () => {
    alive = true
  })
  const timer = setInterval(() => {
    if (ws.isPaused) return
    if (!alive) return ws.terminate()
    alive = false
    if (ws.readyState === ws.OPEN) ws.ping()
  }, pingEveryMs)
  return () => clearInterval(timer)
}
