import { setTimeout as delay } from 'node:timers/promises'
import type { Claims } from '@nora/crypto/capability'
import { refusalOf, type ViewerActor, withActor } from '@nora/db/actor'
import type { DB } from '@nora/db/schema'
import { type Bells, logBell } from '@nora/events/bells'
import type { Logger } from '@nora/log/logger'
import type { Kysely } from 'kysely'
import type { WebSocket } from 'ws'
import { type AgentFeed, agentFeed } from './agent-feed.ts'
import { keepAlive } from './keep-alive.ts'
import { closeCodes, createViewer, type ViewerWish } from './viewer.ts'

export type LogStreamsDeps = { db: Kysely<DB>; log: Logger; bells: Bells; bellPrefix: string }

export type LogStreams = {
  /** Serves one admitted socket until it closes. `claims` are the capability's, verified. */
  serve(ws: WebSocket, claims: Claims, wish: ViewerWish): Promise<void>
  stop(): void
}

/** The right to watch is asked for again this often: sign-out, removal and the like act within five seconds. */
const checkEveryMs = 2_000

/** Without Redis nobody waits for a bell longer than this: the feed looks by itself each second. */
const listenMs = 500

type Feed = { feed: AgentFeed; silence: Promise<() => void>; users: number }

/** Who watches which agent's log through this worker; one feed and one bell an agent, however many watch. */
export function logStreams(deps: LogStreamsDeps): LogStreams {
  const { db, log } = deps
  const feeds = new Map<string, Feed>()

  // Listen first, then read: what comes in between rings.
  function feedOf(agentId: string): Feed {
    const known = feeds.get(agentId)
    if (known) return known
    const feed = agentFeed(db, agentId, log)
    const silence = deps.bells.listen(logBell(deps.bellPrefix, agentId), feed.ring)
    const made = { feed, silence, users: 0 }
    feeds.set(agentId, made)
    return made
  }

  function close(agentId: string, made: Feed): void {
    feeds.delete(agentId)
    made.feed.stop()
    made.silence.then((end) => end()).catch((error) => log.warn({ err: error }, 'a bell could not be left'))
  }

  /** The viewer's proof as Postgres sees it must say what the capability says. */
  async function admit(actor: ViewerActor, claims: Claims): Promise<number | undefined> {
    try {
      const entered = await withActor(db, actor, async (_tx, found) => found)
      const same = entered.agentId === claims.agent && entered.workspaceId === claims.workspace
      return same && entered.kind === 'logs' ? undefined : closeCodes.ticket
    } catch (error) {
      if (!refusalOf(error)) log.warn({ err: error }, 'a viewer could not be checked')
      return refusalOf(error) ? closeCodes.permission : closeCodes.tryAgain
    }
  }

  return {
    async serve(ws, claims, wish) {
      const { agent: agentId, stream: streamId } = claims
      if (agentId === undefined || streamId === undefined) return ws.close(closeCodes.ticket)
      const actor: ViewerActor = { kind: 'viewer', streamId }
      const refused = await admit(actor, claims)
      if (refused !== undefined) return ws.close(refused)
      if (ws.readyState !== ws.OPEN) return
      const made = feedOf(agentId)
      made.users++
      const viewer = createViewer(db, ws, actor, agentId, wish, made.feed.position)
      const check = setInterval(async () => {
        const code = await admit(actor, claims)
        if (code !== undefined && code !== closeCodes.tryAgain) viewer.close(code)
      }, checkEveryMs)
      const stopPinging = keepAlive(ws)
      ws.once('close', () => {
        clearInterval(check)
        stopPinging()
        made.feed.leave(viewer)
        if (--made.users === 0) close(agentId, made)
      })
      await Promise.race([made.silence, delay(listenMs)])
      if (ws.readyState === ws.OPEN) made.feed.join(viewer)
    },
    stop() {
      for (const [agentId, made] of feeds) close(agentId, made)
    },
  }
}
