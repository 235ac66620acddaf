import type { Permission } from '@nora/contract/permissions'
import { streamClose } from '@nora/contract/streams'
import { hashToken } from '@nora/crypto/tokens'
import { refusalOf, type SessionActor, withActor } from '@nora/db/actor'
import { agentExists } from '@nora/db/agent-reads'
import type { StreamKind } from '@nora/db/schema'
import { type RedeemedStream, redeemTicket } from '@nora/db/streams'
import { allows } from '@nora/domain/roles'
import type { WebSocket } from 'ws'
import type { Deps } from '../deps.ts'
import type { StreamRequest } from '../http/websocket.ts'
import type { SocketPlaces } from './socket-places.ts'
import { watch } from './watch-permission.ts'
import { closeNow, withPlace } from './with-place.ts'

/**
 * An admitted stream. `signal` aborts when its socket has closed, for whatever reason. The socket is paused, so that nothing of
 * what comes first is lost: whoever serves it resumes it.
 */
export type OpenStream = RedeemedStream & {
  agentId: string
  /** Whose it is, with the proof that was shown. */
  actor: SessionActor
  query: URLSearchParams
  socket: WebSocket
  signal: AbortSignal
}

/**
 * Admits streams of one kind: a live session, its one-use ticket, the permission, a free place among the user's. An
 * open one is held to all of that (checked every few seconds) until its socket closes.
 */
export function admitStream(deps: Deps, kind: StreamKind, permission: Permission, places: SocketPlaces) {
  return async (
    request: StreamRequest,
    serve: (stream: OpenStream) => Promise<void>,
  ): Promise<number | ((socket: WebSocket) => void)> => {
    const { claims, id: agentId, query } = request
    if (!claims) return streamClose.ticket
    const redeemed = await redeem(deps, kind, request, claims)
    if (typeof redeemed === 'number') return redeemed
    const { sessionId, secret } = claims
    const actor: SessionActor = { kind: 'session', sessionId, secret, workspaceId: redeemed.workspaceId }
    const verdict = await standing(deps, actor, permission, agentId)
    if (verdict !== 'held') return verdict

    return (socket) => {
      socket.pause()
      withPlace(deps, places, socket, redeemed, () => hold(socket, redeemed))
    }

    function hold(socket: WebSocket, redeemed: RedeemedStream): void {
      const over = new AbortController()
      let code: number = streamClose.permission
      const check = async () => {
        const now = await standing(deps, actor, permission, agentId)
        if (now === 'held') return now
        code = now
        return 'revoked' as const
      }
      const watching = watch(deps, check, () => closeNow(socket, code))
      socket.on('close', () => {
        watching.stop()
        over.abort()
      })
      serve({ ...redeemed, agentId, actor, query, socket, signal: over.signal }).catch((error: unknown) => {
        if (over.signal.aborted) return
        deps.log.error({ err: error, streamId: redeemed.streamId }, 'a stream failed')
        closeNow(socket, streamClose.tryAgain)
      })
    }
  }
}

/** How the viewer stands: `held`, or the code to close with. Raises the refusals of `withActor` as they are. */
async function standing(deps: Deps, actor: SessionActor, permission: Permission, agentId: string) {
  try {
    return await withActor(deps.db, actor, async (tx, { role }) => {
      if (!allows(role, permission)) return streamClose.permission
      return (await agentExists(tx, agentId)) ? ('held' as const) : streamClose.agentGone
    })
  } catch (error) {
    if (refusalOf(error)) return streamClose.permission
    throw error
  }
}

async function redeem(
  deps: Deps,
  kind: StreamKind,
  { ticket, id: agentId }: StreamRequest,
  { sessionId, secret }: { sessionId: string; secret: Buffer },
): Promise<RedeemedStream | number> {
  try {
    return await redeemTicket(deps.db, { ticketHash: hashToken(ticket), sessionId, secret, kind, agentId })
  } catch (error) {
    const refusal = refusalOf(error)
    if (!refusal) throw error
    return refusal.status === 401 ? streamClose.ticket : streamClose.permission
  }
}
