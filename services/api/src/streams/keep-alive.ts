import type { WebSocket } from 'ws'

const pingMs = 25_000
/** A reader that takes nothing for this long has gone without saying so. */
const silentMs = 120_000

/** Pings a socket and ends one whose peer has fallen silent. Gives the function that stops it. */
export function keepAlive(socket: WebSocket): () => void {
  let heard = Date.now()
  let waiting = 0
  socket.on('pong', () => {
    heard = Date.now()
  })
  const timer = setInterval(() => {
    // A slow reader's pong waits behind what it has not read: that it reads on is as good.
    // One that we do not read is not heard.
    if (socket.bufferedAmount < waiting || socket.isPaused) heard = Date.now()
    waiting = socket.bufferedAmount
    if (Date.now() - heard > silentMs) socket.terminate()
    else if (waiting === 0) socket.ping()
  }, pingMs)
  timer.unref()
  return () => clearInterval(timer)
}
