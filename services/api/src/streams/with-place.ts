import { streamClose } from '@nora/contract/streams'
import type { WebSocket } from 'ws'
import type { Deps } from '../deps.ts'
import { keepAlive } from './keep-alive.ts'
import type { SocketPlaces } from './socket-places.ts'

/** A stream is over after eight hours; its client comes back with a new ticket, a little before the proof ends. */
const longestMs = 8 * 3_600_000 - 60_000

/**
 * Takes a place of the person's for an open socket, gives it back when that closes, and calls `serve` if there was one. The socket is
 * pinged, and closed after eight hours.
 */
export function withPlace(
  deps: Pick<Deps, 'log'>,
  places: SocketPlaces,
  socket: WebSocket,
  { userId, streamId }: { userId: string; streamId: string },
  serve: () => void,
): void {
  let gone = false
  socket.on('close', () => {
    gone = true
  })
  // Only now: a handshake that fails has no close that would give its place back.
  places.take(userId, streamId).then(
    (taken) => {
      if (!taken) return closeNow(socket, streamClose.tooMany)
      if (gone) return places.giveBack(userId, streamId)
      const late = setTimeout(() => closeNow(socket, streamClose.tryAgain, 'open for eight hours'), longestMs)
      const stopPings = keepAlive(socket)
      socket.on('close', () => {
        places.giveBack(userId, streamId)
        stopPings()
        clearTimeout(late)
      })
      serve()
    },
    (error: unknown) => {
      deps.log.error({ err: error, streamId }, 'a place could not be taken')
      closeNow(socket, streamClose.tryAgain)
    },
  )
}

/** Closes a socket that may be paused: the other side's answer must be read. */
export function closeNow(socket: WebSocket, code: number, reason?: string | Buffer): void {
  socket.resume()
  socket.close(code, reason)
}
