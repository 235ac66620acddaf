import { refusalOf, type ViewerActor, withActor } from '@nora/db/actor'
import { chunksAfter } from '@nora/db/logs'
import type { DB } from '@nora/db/schema'
import { tailPosition } from '@nora/db/viewer-streams'
import type { Kysely } from 'kysely'
import type { WebSocket } from 'ws'
import { type Piece, piecesOf, trimmedFrame } from './view-frames.ts'

/** The close codes of the public log socket that this side uses. */
export const closeCodes = { ticket: 4401, permission: 4403, agentGone: 4404, tryAgain: 1013 } as const

/** Unsent bytes of one viewer beyond which nothing more is read for it. */
const mostBuffered = 1024 * 1024
const chunksAtOnce = 8
const tailLines = 200

export type ViewerWish = { after: number | undefined; generation: number | undefined }

/** One watcher of a log. It is at a position; what lies between that and the feed's it reads by itself. */
export type Viewer = {
  actor: ViewerActor
  /** New from the feed; taken as it is when the viewer is up to date and its socket takes more. */
  offer(piece: Piece): void
  /** Sends a frame that has no place in the numbering. */
  tell(frame: string): void
  /** Begins, or goes on, to read what the viewer lacks. */
  catchUp(): void
  close(code: number): void
}

/**
 * @param newest the feed's position: all up to it is in the database.
 * Back-pressure: a socket that holds more than 1 MiB unsent is left alone until it has sent all; the viewer then reads
 * on from where it was, so that a slow one costs one page of memory and nobody else anything.
 */
export function createViewer(
  db: Kysely<DB>,
  ws: WebSocket,
  actor: ViewerActor,
  agentId: string,
  wish: ViewerWish,
  newest: () => number,
): Viewer {
  const { generation } = wish
  const filter = generation === undefined ? {} : { generation }
  let position: number | undefined
  let reading = false
  let again = false

  const isOpen = () => ws.readyState === ws.OPEN

  function close(code: number): void {
    if (isOpen()) ws.close(code)
  }

  async function begin(): Promise<number> {
    const { after } = wish
    if (after !== undefined) return Math.min(after, newest())
    return withActor(db, actor, (tx) => tailPosition(tx, agentId, tailLines, generation))
  }

  async function readOn(): Promise<void> {
    position ??= await begin()
    while (isOpen() && position < newest()) {
      const upTo = newest()
      const after: number = position
      const rows = await withActor(db, actor, (tx) =>
        chunksAfter(tx, { agentId, after, limit: chunksAtOnce, ...filter }),
      )
      const pieces = await piecesOf(rows, after, { holes: generation === undefined })
      for (const piece of pieces) await send(piece.frames)
      // Fewer than asked for: up to what was there when the reading began, nothing else is to be had.
      const end = pieces.at(-1)?.last ?? after
      const isAll = rows.length < chunksAtOnce
      // What was there when the reading began and is not now was removed since: older than what is kept.
      if (isAll && end < upTo && generation === undefined) await send([trimmedFrame(end + 1, upTo)])
      position = isAll ? Math.max(end, upTo) : end
    }
  }

  async function send(frames: string[]): Promise<void> {
    for (const frame of frames) {
      if (!isOpen()) return
      if (ws.bufferedAmount <= mostBuffered) ws.send(frame)
      // The callback comes when this frame, and so all before it, has left, or the socket is closed.
      else await new Promise<void>((resolve) => ws.send(frame, () => resolve()))
    }
  }

  function catchUp(): void {
    again = true
    if (reading) return
    reading = true
    const run = async () => {
      while (again && isOpen()) {
        again = false
        await readOn()
      }
    }
    run()
      .catch((error) => close(refusalOf(error) ? closeCodes.permission : closeCodes.tryAgain))
      .finally(() => {
        reading = false
      })
  }

  return {
    actor,
    close,
    catchUp,
    tell(frame) {
      if (isOpen()) ws.send(frame)
    },
    offer(piece) {
      if (position !== undefined && piece.last <= position) return
      if (reading || position !== piece.after || ws.bufferedAmount > mostBuffered) return catchUp()
      position = piece.last
      if (generation !== undefined && piece.generation !== generation) return
      for (const frame of piece.frames) ws.send(frame)
    },
  }
}
