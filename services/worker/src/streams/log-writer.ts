import { type FollowerActor, withActor } from '@nora/db/actor'
import { type FollowerState, saveFollower } from '@nora/db/followers'
import { growChunk, insertChunks, type StoredChunk, trimChunks } from '@nora/db/log-chunks'
import type { DB } from '@nora/db/schema'
import { compressChunk } from '@nora/events/log-chunk'
import type { Kysely } from 'kysely'
import { type LineScrubber, loadScrubber, type PemState } from '../secrets/given-scrubber.ts'
import type { Keyring } from '../secrets/open-secret.ts'
import type { Line, Position } from './line-joiner.ts'
import { type Draft, joinTexts, packGap, packLines, smallChunkBytes } from './pack-lines.ts'

export type LogLimits = {
  /** Compressed bytes kept of one agent's log. */
  keptBytes: number
  keptDays: number
  leaseMs: number
}

export type WriterDeps = { db: Kysely<DB>; keyring: Keyring; limits: LogLimits; ring(agentId: string): void }

/** Stores one agent's lines; one call at a time. Every call throws when the lease is lost (NR409). */
export type LogWriter = {
  state(): Readonly<FollowerState>
  /** Stores lines and the position behind them. */
  write(lines: Line[], position: Position | undefined): Promise<void>
  /** From now on another container is read, from its beginning. Says a gap when the last was not read to its end. */
  moveTo(containerId: string, generation: number): Promise<void>
  /** Notes that the container's log was read to its end, and which request that answers. */
  end(settled: number): Promise<void>
  /** Says that lines are missing here. */
  gap(reason: string): Promise<void>
}

const trimSlackBytes = 1024 * 1024
const trimEveryMs = 3_600_000

/**
 * Takes secrets out of lines, numbers, packs and stores them with the cursor in one fenced transaction, then rings.
 *
 * No line is stored that was not looked through for every key the agent had been given when it could print the line:
 * a delivery notes the key before it writes it where the agent reads it, and the transaction stores nothing when there
 * is a note that this writer has not seen; the lines, still raw here, are cleaned again.
 */
export async function openLogWriter(
  deps: WriterDeps,
  actor: FollowerActor,
  stored: FollowerState,
): Promise<LogWriter> {
  const { agentId } = actor
  let state = stored
  const pem: PemState = { lines: 0 }
  let scrubber: LineScrubber = await loadScrubber(deps, actor, agentId, pem)
  let tail: { draft: Draft; bytes: number } | undefined
  let trimmedAt = 0

  async function commit(pack: () => { drafts: Draft[]; change: Partial<FollowerState> }): Promise<void> {
    for (;;) {
      const { drafts, change } = pack()
      const chunks = await Promise.all(
        drafts.map((draft) => compress(draft, change.generation ?? state.generation)),
      )
      const saved = await save(chunks, { ...state, ...change })
      if (saved === 'no-tail') {
        tail = undefined
        continue
      }
      if (saved) {
        const last = drafts.at(-1)
        state = saved
        if (last)
          tail = last.bytes < smallChunkBytes ? { draft: last, bytes: chunks.at(-1)!.data.length } : undefined
        if (drafts.length > 0) deps.ring(agentId)
        return
      }
      const before = scrubber.givenSeq
      scrubber = await loadScrubber(deps, actor, agentId, pem)
      if (scrubber.givenSeq === before) throw new Error('the follower has another position than it believes')
    }
  }

  /** The state as it is stored now; undefined when nothing was stored, `no-tail` when the chunk to grow was trimmed. */
  async function save(
    chunks: StoredChunk[],
    next: FollowerState,
  ): Promise<FollowerState | undefined | 'no-tail'> {
    const grown = tail && chunks[0]?.firstSeq === tail.draft.firstSeq ? chunks[0] : undefined
    let addedBytes = chunks.reduce((sum, chunk) => sum + chunk.data.length, 0) - (grown ? tail!.bytes : 0)
    let storedBytes = state.storedBytes
    const expected = { nextSeq: state.nextSeq, givenSeq: scrubber.givenSeq }
    const { keptBytes, keptDays, leaseMs } = deps.limits
    try {
      await withActor(deps.db, actor, async (tx, { workspaceId }) => {
        if (grown && !(await growChunk(tx, agentId, grown))) throw new Outdated('no-tail')
        await insertChunks(tx, { id: agentId, workspaceId }, grown ? chunks.slice(1) : chunks)
        const excess = state.storedBytes + addedBytes - keptBytes
        if (excess > 0 || Date.now() - trimmedAt > trimEveryMs) {
          const bytes = excess > 0 ? excess + Math.min(trimSlackBytes, keptBytes / 8) : 0
          const keepSeq = chunks.at(-1)?.firstSeq ?? state.nextSeq
          addedBytes -= await trimChunks(tx, agentId, { bytes, maxAgeDays: keptDays, keepSeq })
          trimmedAt = Date.now()
        }
        const saved = await saveFollower(tx, agentId, expected, { ...next, addedBytes }, leaseMs)
        if (saved === undefined) throw new Outdated()
        storedBytes = saved
      })
    } catch (error) {
      if (error instanceof Outdated) return error.what
      throw error
    }
    return { ...next, storedBytes }
  }

  const gapDraft = (reason: string) => packGap(state.nextSeq, new Date().toISOString(), reason)

  return {
    state: () => state,
    write(lines, position) {
      const joined = joinTexts(lines)
      const raw = lines.length === 0 ? [] : joined.split('\n')
      const before = pem.lines
      return commit(() => {
        pem.lines = before
        const texts = scrubber.scrub(raw, joined)
        const { drafts, nextSeq } = packLines(lines, texts, state.nextSeq, tail?.draft)
        const change = { nextSeq, ended: false, ...(position && cursorOf(position)) }
        return { drafts: lines.length === 0 ? [] : drafts, change }
      })
    },
    async moveTo(containerId, generation) {
      const missing = state.containerId !== null && !state.ended
      tail = undefined
      const fresh = { containerId, cursorTs: null, cursorOrdinal: 0, ended: false }
      if (missing) {
        const reason = 'the container was removed before its log was read to the end'
        await commit(() => ({ drafts: [gapDraft(reason)], change: { nextSeq: state.nextSeq + 1 } }))
        tail = undefined
      }
      await commit(() => ({ drafts: [], change: { ...fresh, generation } }))
    },
    async end(settled) {
      if (state.ended && settled <= state.settled) return
      await commit(() => ({ drafts: [], change: { ended: true, settled: Math.max(settled, state.settled) } }))
    },
    async gap(reason) {
      tail = undefined
      await commit(() => ({ drafts: [gapDraft(reason)], change: { nextSeq: state.nextSeq + 1 } }))
    },
  }
}

/** The transaction is to be rolled back: what it was made from is out of date. */
class Outdated extends Error {
  readonly what: 'no-tail' | undefined
  constructor(what?: 'no-tail') {
    super(what)
    this.what = what
  }
}

const cursorOf = (position: Position) => ({ cursorTs: position.ts, cursorOrdinal: position.ordinal })

async function compress(draft: Draft, generation: number): Promise<StoredChunk> {
  const { firstSeq, lastSeq, firstTs, lastTs, lines } = draft
  return { firstSeq, lastSeq, firstTs, lastTs, lines, generation, data: await compressChunk(draft.text) }
}
