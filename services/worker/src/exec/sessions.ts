import type { Claims } from '@nora/crypto/capability'
import { refusalOf, type ViewerActor, withActor } from '@nora/db/actor'
import {
  type BegunExec,
  beginExec,
  endExec,
  lostExecs,
  mayAttachExec,
  noteExec,
} from '@nora/db/exec-sessions'
import { reportSecurityEvent } from '@nora/db/fleet'
import type { DB } from '@nora/db/schema'
import type { Logger } from '@nora/log/logger'
import type { RelyingParty } from '@nora/passkeys/relying-party'
import type { Kysely } from 'kysely'
import type { WebSocket } from 'ws'
import type { Backend, TerminalPlace, TerminalSize } from '../backends/backend.ts'
import { checkAction } from '../passkeys/check-action.ts'
import { execClose, goneWord } from './close.ts'
import { closeOf, Refused, requireSame, WordRefused } from './refusals.ts'
import { type ExecLimits, type ExecSession, execLimits, execSession, type How } from './session.ts'

export type ExecDeps = {
  db: Kysely<DB>
  log: Logger
  workerId: string
  backend: Pick<Backend, 'openTerminal' | 'endTerminal'>
  /** For whom passkeys sign, by this worker's own settings. undefined: no terminal of somebody with a passkey. */
  relyingParty?: RelyingParty | undefined
  /** Other limits than the usual: a test does not wait for those. */
  limits?: Partial<ExecLimits>
}

export type ExecWish = { session: string | undefined; size: TerminalSize }

export type ExecSessions = {
  /** Serves one admitted socket: begins a session, or comes back to one. `claims` are the capability's, verified. */
  serve(ws: WebSocket, claims: Claims, wish: ExecWish): Promise<void>
  /** Ends what workers that are gone, or this one's earlier life, left open. */
  sweep(): Promise<void>
  count(): number
  /** Ends every session and waits until its programs have gone. */
  stop(): Promise<void>
}

/** The right to a terminal is asked for again this often: sign-out, removal, a foreign key and the like act within five seconds. */
const checkEveryMs = 2_000
/** How long a right that could not be checked counts as held. */
const trustMs = 60_000
const openMs = 20_000
const cleanMs = 30_000
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Every terminal that this worker has open. */
export function execSessions(deps: ExecDeps): ExecSessions {
  const { db, log, workerId, backend } = deps
  const limits = { ...execLimits, ...deps.limits }
  const sessions = new Map<string, ExecSession>()
  /** Begun and not yet written off, each with whose it is. */
  const known = new Map<string, string>()
  const ending = new Set<Promise<void>>()
  let stopped = false

  async function begin(actor: ViewerActor, claims: Claims): Promise<BegunExec> {
    return withActor(db, actor, async (tx, entered) => {
      requireSame(entered, claims)
      const check = { action: 'agent:exec', targetId: entered.agentId, userId: claims.sub } as const
      const verdict = await checkAction(tx, deps.relyingParty, check, { once: true })
      if (verdict !== 'confirmed' && verdict !== 'not-enrolled') throw new WordRefused(verdict)
      const begun = await beginExec(tx, actor.streamId, workerId)
      if (begun.userId !== claims.sub) throw new Refused(execClose.ticket, 'another person')
      return begun
    })
  }

  async function open(actor: ViewerActor, claims: Claims, size: TerminalSize): Promise<ExecSession> {
    const own = [...known.values()].filter((userId) => userId === claims.sub)
    if (own.length >= limits.aPerson) throw new Refused(execClose.tooMany, 'too many terminals are open')
    if (known.size >= limits.inAll) throw new Refused(execClose.tryAgain, 'too many terminals are open')
    const { execId: id, containerId } = await begin(actor, claims)
    known.set(id, claims.sub)
    const agentId = String(claims.agent)
    const finish = (how: How | 'failed', exitCode?: number, place?: TerminalPlace) => {
      const done = clean(id, place, how, exitCode)
      ending.add(done)
      void done.finally(() => ending.delete(done))
    }
    try {
      const signal = AbortSignal.timeout(openMs)
      const terminal = await backend.openTerminal(agentId, containerId, size, signal)
      const session = execSession({ id, agentId, actor, terminal, log }, limits, (how, exitCode) => {
        sessions.delete(id)
        finish(how, exitCode, terminal.place)
      })
      sessions.set(id, session)
      noteExec(db, id, workerId, terminal.place).catch((error) =>
        log.warn({ err: error, execId: id }, 'where a terminal’s programs are was not noted'),
      )
      return session
    } catch (error) {
      finish('failed')
      throw error
    }
  }

  /** Ends the programs of a session that is over, then says so. */
  async function clean(
    id: string,
    place: TerminalPlace | undefined,
    how: How | 'failed' | 'worker-lost',
    exitCode?: number,
  ): Promise<void> {
    let leftovers = false
    try {
      if (place) leftovers = (await backend.endTerminal(place, AbortSignal.timeout(cleanMs))) === 'left'
    } catch (error) {
      leftovers = true
      log.warn({ err: error, execId: id, place }, 'the programs of a terminal could not be ended')
    }
    // What cannot be written now is found by the sweep.
    await endExec(db, id, workerId, { how, exitCode, leftovers }).catch((error) =>
      log.warn({ err: error, execId: id }, 'the end of a terminal was not written yet'),
    )
    known.delete(id)
  }

  async function comeBack(actor: ViewerActor, claims: Claims, id: string): Promise<ExecSession> {
    const session = sessions.get(id)
    const may =
      session !== undefined &&
      uuid.test(id) &&
      (await withActor(db, actor, (tx, entered) => {
        requireSame(entered, claims)
        return mayAttachExec(tx, actor.streamId, id, workerId)
      }))
    // Somebody else's is like one that is not there.
    if (!may || !sessions.has(id)) throw new Refused(execClose.agentGone, goneWord.session)
    return session
  }

  const check = setInterval(() => {
    for (const session of sessions.values()) void checkOne(session)
  }, checkEveryMs)
  const confirmedAt = new WeakMap<ExecSession, number>()
  const checking = new WeakSet<ExecSession>()

  /** Also of a session that nobody watches: whoever lost the right must not find it running when they get it back. */
  async function checkOne(session: ExecSession): Promise<void> {
    if (checking.has(session)) return
    checking.add(session)
    try {
      await withActor(db, session.actor(), async () => undefined)
      confirmedAt.set(session, performance.now())
    } catch (error) {
      const known = confirmedAt.get(session) ?? performance.now()
      confirmedAt.set(session, known)
      if (refusalOf(error)) session.end('revoked', execClose.permission)
      else if (performance.now() - known > trustMs) session.end('revoked', execClose.tryAgain)
    } finally {
      checking.delete(session)
    }
  }

  async function refuse(ws: WebSocket, claims: Claims, error: unknown): Promise<void> {
    const { code, message } = closeOf(error)
    if (error instanceof WordRefused) {
      const target = { kind: 'agent', id: String(claims.agent) }
      const details = { action: 'agent:exec', verdict: error.verdict, userId: claims.sub }
      const workspaceId = claims.workspace ?? null
      await reportSecurityEvent(db, { type: 'PASSKEY_WORD_REFUSED', workspaceId, target, details }).catch(
        (failure) => log.error({ err: failure }, 'a refused passkey’s word was not reported'),
      )
    } else if (code === execClose.tryAgain) log.warn({ err: error }, 'a terminal was not opened')
    ws.resume()
    ws.close(code, message)
  }

  return {
    async serve(ws, claims, { session: id, size }) {
      // What is typed before the shell is there waits in the socket.
      ws.pause()
      const { agent, workspace, stream: streamId } = claims
      try {
        if (agent === undefined || workspace === undefined || streamId === undefined)
          throw new Refused(execClose.ticket, 'no stream')
        if (stopped) throw new Refused(execClose.tryAgain, 'the worker is stopping')
        const actor: ViewerActor = { kind: 'viewer', streamId }
        const session = id === undefined ? await open(actor, claims, size) : await comeBack(actor, claims, id)
        if (stopped) {
          session.end('worker-stopped')
          throw new Refused(execClose.tryAgain, 'the worker is stopping')
        }
        session.attach(ws, actor)
        if (id !== undefined) session.resize(size)
        ws.resume()
      } catch (error) {
        await refuse(ws, claims, error)
      }
    },
    async sweep() {
      for (const { execId, run, leader, ...where } of await lostExecs(db, workerId, [...known.keys()])) {
        const place = run === null || leader === null ? undefined : { ...where, run, leader }
        await clean(execId, place, 'worker-lost')
      }
    },
    count: () => sessions.size,
    async stop() {
      stopped = true
      clearInterval(check)
      for (const session of sessions.values()) session.end('worker-stopped')
      await Promise.allSettled(ending)
    },
  }
}
