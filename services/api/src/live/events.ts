import { streamClose } from '@nora/contract/streams'
import { hashToken } from '@nora/crypto/tokens'
import { refusalOf } from '@nora/db/actor'
import { redeemLiveTicket, watchStreams } from '@nora/db/live-streams'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../deps.ts'
import { consoleDoor, serveStreams } from '../http/websocket.ts'
import type { SocketPlaces } from '../streams/socket-places.ts'
import { withPlace } from '../streams/with-place.ts'
import { liveCursors, maxCursor } from './cursor.ts'
import { openPage } from './page.ts'
import { watchPages } from './watch-pages.ts'

/** How often all pages are asked about when no bell rings; whoever was removed is out by then. */
const everyMs = 4_000
/** The least time between two looks: what a burst of changes is told in. */
const gapMs = 200

/**
 * `/api/ws/events/<workspace>`: tells a member's open pages what changed there, by name and without content. Admission is a one-use
 * ticket of the session that asks; whether a page may stay open is asked with every look, so none is told of anything that happened
 * after its person had to go.
 */
export function serveEvents(app: FastifyInstance, deps: Deps, places: SocketPlaces): void {
  const cursors = liveCursors(deps.capabilitySeed, deps.clock)
  const pages = watchPages({
    ...{ log: deps.log, everyMs, gapMs },
    read: (asking) => watchStreams(deps.db, asking),
  })
  app.addHook('onClose', async () => pages.stop())

  serveStreams(app, deps, consoleDoor('events'), async ({ claims, ticket, id: workspaceId, query }) => {
    if (!claims) return streamClose.ticket
    const { sessionId, secret } = claims
    const proof = { ticketHash: hashToken(ticket), sessionId, secret, workspaceId }
    const redeemed = await redeemLiveTicket(deps.db, proof).catch((error: unknown) => {
      if (refusalOf(error)) return undefined
      throw error
    })
    if (!redeemed) return streamClose.ticket
    const after = query.get('after')
    const since = after === null || after.length > maxCursor ? undefined : cursors.open(workspaceId, after)
    return (socket) =>
      withPlace(deps, places, socket, redeemed, () => {
        const places = [workspaceId, redeemed.userId]
        const asked = { streamId: redeemed.streamId, places, since: since ?? null }
        const page = openPage(socket, asked, { cursorOf: (seen) => cursors.seal(workspaceId, seen) })
        const silences = places.map((place) => app.changes.listen(place, () => pages.ring(place)))
        pages.add(page)
        socket.on('close', () => {
          for (const silence of silences) silence()
          pages.remove(page)
        })
      })
  })
}
