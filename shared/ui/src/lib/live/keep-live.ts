import { ApiProblem } from '@nora/client/problem'
import type { streamProtocol } from '@nora/contract/streams'
import type { QueryClient } from '@tanstack/react-query'
import { beginning, type Happening, nextLive, readFrame } from './live-state.ts'

const protocol: typeof streamProtocol = 'nora.v1'
/** Changes that come together are looked at together. */
const gatherMs = 150
/** How long a lost connection is nobody's concern. */
const quietMs = 5_000
/** How long nobody may look before the connection is let go. */
const hiddenMs = 5 * 60_000

type Key = readonly unknown[]

/** One stream of changes, and what its topics mean to a page. */
export type LiveSource = {
  /** Asks for a ticket; rejects with the api's refusal. */
  ticket: (signal: AbortSignal) => Promise<string>
  /** Where the stream is: `/api/ws/...`. */
  path: string
  /** The beginnings of the cache keys that topics stand for. */
  keysOf: (topics: Iterable<string>) => Key[]
  /** Everything that the stream would have told of. */
  everything: () => Key[]
  /** What changes without a person, and so between a page's first look and the stream's greeting. */
  own: readonly string[]
  /** Milliseconds for which changes are gathered, where looking again costs more than usual. */
  gatherMs?: number
}

/**
 * Keeps one stream of changes open while somebody looks, and has everything asked for again that it says has changed. `onLost`
 * is told when live updates have been away for a while, and when they are back. Gives the function that ends it.
 */
export function keepLive(
  source: LiveSource,
  queries: QueryClient,
  onLost: (lost: boolean) => void,
): () => void {
  let state = beginning
  let over = false
  let socket: WebSocket | undefined
  let attempt: AbortController | undefined
  let waiting: ReturnType<typeof setTimeout> | undefined
  let losing: ReturnType<typeof setTimeout> | undefined
  let hiding: ReturnType<typeof setTimeout> | undefined
  let gathering: ReturnType<typeof setTimeout> | undefined
  const gathered = new Set<string>()

  const lookAgain = (keys: readonly (readonly unknown[])[]) => {
    for (const queryKey of keys) void queries.invalidateQueries({ queryKey })
  }
  const drop = () => {
    clearTimeout(waiting)
    attempt?.abort()
    const old = socket
    socket = undefined
    old?.close()
  }
  const connect = async (after: string | undefined) => {
    const mine = new AbortController()
    attempt = mine
    try {
      const ticket = await source.ticket(mine.signal)
      if (!mine.signal.aborted) open(ticket, after)
    } catch (error) {
      if (mine.signal.aborted) return
      happen({ type: 'no-ticket', ...refusalOf(error) })
    }
  }
  const open = (ticket: string, after: string | undefined) => {
    const url = new URL(source.path, window.location.href)
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
    if (after !== undefined) url.searchParams.set('after', after)
    const opened = new WebSocket(url, [protocol, `ticket.${ticket}`])
    socket = opened
    opened.onmessage = ({ data }) => {
      const frame = readFrame(data)
      if (frame && socket === opened) happen({ type: 'frame', frame })
    }
    opened.onclose = ({ code }) => {
      if (socket !== opened) return
      socket = undefined
      happen({ type: 'closed', code })
    }
  }
  const happen = (happening: Happening) => {
    if (over) return
    const next = nextLive(state, happening, Math.random())
    state = next.state
    for (const effect of next.effects) {
      if (effect.do === 'connect') void connect(effect.after)
      else if (effect.do === 'drop') drop()
      else if (effect.do === 'ask-me') lookAgain([['me']])
      else if (effect.do === 'changed') gather(effect.topics)
      else if (effect.do === 'missed')
        lookAgain(effect.what === 'all' ? source.everything() : source.keysOf(source.own))
      else waiting = setTimeout(() => happen({ type: 'due' }), effect.ms)
    }
    tell()
  }
  const gather = (topics: string[]) => {
    for (const topic of topics) gathered.add(topic)
    gathering ??= setTimeout(() => {
      gathering = undefined
      lookAgain(source.keysOf(gathered))
      gathered.clear()
    }, source.gatherMs ?? gatherMs)
  }
  const tell = () => {
    const away = state.phase === 'connecting' || state.phase === 'waiting'
    if (away) losing ??= setTimeout(() => onLost(true), quietMs)
    else {
      clearTimeout(losing)
      losing = undefined
      onLost(false)
    }
  }

  const looked = () => {
    clearTimeout(hiding)
    if (document.visibilityState === 'hidden') hiding = setTimeout(() => happen({ type: 'hidden' }), hiddenMs)
    else happen({ type: 'shown' })
  }
  const online = () => happen({ type: 'online' })
  document.addEventListener('visibilitychange', looked)
  window.addEventListener('online', online)
  tell()
  void connect(undefined)

  return () => {
    over = true
    document.removeEventListener('visibilitychange', looked)
    window.removeEventListener('online', online)
    drop()
    for (const timer of [losing, hiding, gathering]) clearTimeout(timer)
  }
}

function refusalOf(error: unknown): { status: number; retryAfterMs?: number } {
  if (!(error instanceof ApiProblem)) return { status: 0 }
  const seconds = error.problem['retryAfterSeconds']
  return { status: error.status, ...(typeof seconds === 'number' && { retryAfterMs: seconds * 1_000 }) }
}
