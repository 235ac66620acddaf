import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type AdminTopic, CreateAdminTicket, streamClose, Ticket } from '@nora/contract/streams'
import { hashToken, randomToken } from '@nora/crypto/tokens'
import { refusalOf } from '@nora/db/actor'
import {
  issueAdminTicket,
  redeemAdminTicket,
  type SeenByAdmin,
  watchAdminStreams,
} from '@nora/db/live-streams'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../deps.ts'
import { bad, type Door, otherOrigin, serveStreams, withCookies } from '../http/websocket.ts'
import { liveCursors } from '../live/cursor.ts'
import { openPage } from '../live/page.ts'
import { watchPages } from '../live/watch-pages.ts'
import { mostSockets, socketPlaces } from '../streams/socket-places.ts'
import { withPlace } from '../streams/with-place.ts'
import { adminCookie } from './cookies.ts'

/** As Postgres has it (migrations/0029-2-changes.sql). */
const ticketMs = 30_000
/** How often the server is looked at while an admin watches. Nobody rings for them: what concerns the whole server is never still. */
const everyMs = 1_500
/** At most a frame a second. */
const gapMs = 1_000

/** An admin session's cookie, from the admin app's own Origin: nothing of the console opens this door. */
const adminDoor: Door = {
  prefix: '/api/ws/admin',
  url: '/api/ws/admin',
  path: /^\/api\/ws\/admin$/,
  readCredentials(app, config, request) {
    if (request.headers.authorization !== undefined) return bad('the admin app has a cookie, not a token')
    const { origin } = request.headers
    if (origin === undefined || origin !== config.adminUrl) return otherOrigin
    const token = adminCookie(config, withCookies(app, request), 'access')
    return { claims: token === undefined ? undefined : app.adminTokens.verify(token) }
  },
}

/** `admin/ws-tickets`, and `/api/ws/admin`: tells the pages of admins which of their lists changed, without content. */
export const adminLiveRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  app.post(
    '/ws-tickets',
    {
      // Asking twice gives two, each of one use.
      config: { access: 'platform-admin', idempotency: 'none' },
      schema: { body: CreateAdminTicket, response: { 201: Ticket } },
    },
    async (request, reply) => {
      await app.limits.tickets(request, reply)
      const ticket = randomToken()
      const expiresAt = new Date(deps.clock() + ticketMs).toISOString()
      await issueAdminTicket(deps.db, request.admin.proof, hashToken(ticket), request.admin)
      return reply.code(201).send({ ticket, expiresAt })
    },
  )

  const cursors = liveCursors(deps.capabilitySeed, deps.clock)
  const places = socketPlaces(deps, mostSockets)
  const pages = watchPages<SeenByAdmin>({
    ...{ log: deps.log, everyMs, gapMs },
    read: (asking) => watchAdminStreams(deps.db, asking),
  })
  app.addHook('onClose', async () => {
    pages.stop()
    places.stop()
  })
  serveStreams(app as unknown as FastifyInstance, deps, adminDoor, async ({ claims, ticket }) => {
    if (!claims) return streamClose.ticket
    const { sessionId, secret } = claims
    const redeemed = await redeemAdminTicket(deps.db, { sessionId, secret }, hashToken(ticket)).catch(
      (error: unknown) => {
        if (refusalOf(error)) return undefined
        throw error
      },
    )
    if (!redeemed) return streamClose.ticket
    return (socket) =>
      withPlace(deps, places, socket, redeemed, () => {
        const asked = { streamId: redeemed.streamId, places: [], since: null }
        const cursorOf = (seen: string) => cursors.seal('admin', seen)
        const page = openPage<SeenByAdmin>(socket, asked, { cursorOf, more: ofWorkers() })
        pages.add(page)
        socket.on('close', () => pages.remove(page))
      })
  })
}

/** A worker that fell silent changed no row: who lives is compared with the look before. */
function ofWorkers(): (seen: SeenByAdmin) => AdminTopic[] {
  let before: string | undefined
  return ({ workers }) => {
    const changed = before !== undefined && before !== workers
    before = workers
    return changed ? ['workers'] : []
  }
}
