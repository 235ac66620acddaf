import type { streamClose } from '@nora/contract/streams'

/** The contract's, without the schemas that stand beside them there. */
const closes: Pick<typeof streamClose, 'permission' | 'agentGone' | 'tooMany' | 'takenOver'> = {
  permission: 4403,
  agentGone: 4404,
  tooMany: 4429,
  takenOver: 4409,
}

/** What the stream has said; anything else that comes is passed over. */
export type Frame =
  | { type: 'hello'; cursor: string | undefined; resumed: boolean }
  | { type: 'changed'; cursor: string | undefined; topics: string[] }

/** A frame's text as a frame; undefined for what this page does not know, or what is none. */
export function readFrame(text: unknown): Frame | undefined {
  let body: unknown
  try {
    body = typeof text === 'string' ? JSON.parse(text) : undefined
  } catch {
    return undefined
  }
  if (typeof body !== 'object' || body === null) return undefined
  const { type, cursor, resumed, topics } = body as Record<string, unknown>
  const at = typeof cursor === 'string' ? cursor : undefined
  if (type === 'hello') return { type, cursor: at, resumed: resumed === true }
  if (type !== 'changed' || !Array.isArray(topics)) return undefined
  return { type, cursor: at, topics: topics.filter((topic): topic is string => typeof topic === 'string') }
}

export type LiveState = {
  /** `paused`: nobody looks, so nothing is kept open. */
  phase: 'connecting' | 'open' | 'waiting' | 'paused'
  /** Attempts since the last greeting. */
  failures: number
  /** Up to where this page was told of everything. */
  cursor: string | undefined
  /** Whether there was a connection before. */
  greeted: boolean
}

export type Happening =
  | { type: 'frame'; frame: Frame }
  | { type: 'closed'; code: number }
  /** There was no ticket: how the api refused one (0: it did not answer), and how long it asks to wait. */
  | { type: 'no-ticket'; status: number; retryAfterMs?: number }
  /** The wait is over. */
  | { type: 'due' }
  /** Nobody has looked for long; somebody looks again; the network came back. */
  | { type: 'hidden' }
  | { type: 'shown' }
  | { type: 'online' }

export type Effect =
  | { do: 'connect'; after: string | undefined }
  | { do: 'wait'; ms: number }
  /** Let go of the connection, or of the attempt at one. */
  | { do: 'drop' }
  | { do: 'changed'; topics: string[] }
  /** Look at everything again; `own`: at what changes without a person, since the page has only just asked for the rest. */
  | { do: 'missed'; what: 'all' | 'own' }
  /** Look whether this person is still signed in, and in this workspace. */
  | { do: 'ask-me' }

export const beginning: LiveState = { phase: 'connecting', failures: 0, cursor: undefined, greeted: false }

const firstMs = 500
const mostMs = 30_000

/** Twice as long each time up to half a minute, and anything from the half of that to the whole, so that pages do not come all at once. */
export const delayAfter = (failures: number, chance: number): number => {
  const most = Math.min(mostMs, firstMs * 2 ** Math.min(failures, 16))
  return Math.round(most / 2 + (most / 2) * chance)
}

/**
 * What becomes of a live page when something happens, and what is to be done about it. Pure: `chance` is a number from 0 to 1.
 */
export function nextLive(
  state: LiveState,
  happening: Happening,
  chance: number,
): { state: LiveState; effects: Effect[] } {
  const connect = (): { state: LiveState; effects: Effect[] } => ({
    state: { ...state, phase: 'connecting' },
    effects: [{ do: 'drop' }, { do: 'connect', after: state.cursor }],
  })
  const wait = (atLeastMs: number, ...more: Effect[]): { state: LiveState; effects: Effect[] } => ({
    state: { ...state, phase: 'waiting', failures: state.failures + 1 },
    effects: [...more, { do: 'wait', ms: Math.max(atLeastMs, delayAfter(state.failures, chance)) }],
  })
  switch (happening.type) {
    case 'frame':
      return heard(state, happening.frame)
    case 'closed':
      if (state.phase === 'paused') return { state, effects: [] }
      return afterClose(happening.code, wait)
    case 'no-ticket': {
      if (state.phase === 'paused') return { state, effects: [] }
      // A session that ended, or somebody who is no member any more: their pages show that themselves, once they know.
      const refused = [401, 403, 404].includes(happening.status)
      return refused ? wait(mostMs / 2, { do: 'ask-me' }) : wait(happening.retryAfterMs ?? 0)
    }
    case 'due':
      return state.phase === 'waiting' ? connect() : { state, effects: [] }
    case 'hidden':
      return { state: { ...state, phase: 'paused', failures: 0 }, effects: [{ do: 'drop' }] }
    case 'shown':
      return state.phase === 'paused' ? connect() : { state, effects: [] }
    case 'online':
      // What was open before may be dead without knowing it.
      return state.phase === 'paused' ? { state, effects: [] } : connect()
  }
}

function heard(state: LiveState, frame: Frame): { state: LiveState; effects: Effect[] } {
  const cursor = frame.cursor ?? state.cursor
  if (frame.type === 'changed')
    return { state: { ...state, cursor }, effects: [{ do: 'changed', topics: frame.topics }] }
  return {
    state: { phase: 'open', failures: 0, cursor, greeted: true },
    effects: [
      // The ticket of a later connection may be of somebody else, who signed in in another tab.
      ...(state.greeted ? [{ do: 'ask-me' } as const] : []),
      ...(frame.resumed ? [] : [{ do: 'missed', what: state.greeted ? 'all' : 'own' } as const]),
    ],
  }
}

function afterClose(
  code: number,
  wait: (atLeastMs: number, ...more: Effect[]) => { state: LiveState; effects: Effect[] },
) {
  switch (code) {
    case closes.permission:
    case closes.agentGone:
      return wait(0, { do: 'ask-me' })
    // Other pages of this person have the places, or took this one: leave them time.
    case closes.tooMany:
    case closes.takenOver:
      return wait(mostMs / 2)
    // `ticket`: it was too old, or used; the next one is new. `tryAgain`, and a lost connection: nobody's fault.
    default:
      return wait(0)
  }
}
