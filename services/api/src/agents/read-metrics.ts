import { type AgentMetrics, leastStep, type MetricsQuery, mostStep } from '@nora/contract/agent-metrics'
import { type CallerActor, withActor } from '@nora/db/actor'
import { agentExists } from '@nora/db/agent-reads'
import { samplesBetween } from '@nora/db/samples'
import { DomainError } from '@nora/domain/errors'
import type { Deps } from '../deps.ts'

const hourMs = 3_600_000
/** Samples are kept that long. */
const keptMs = 24 * hourMs
/** A question that was made to reach as far back as samples go arrives a moment later. */
const graceMs = 60_000
const usualItems = 360
const mostItems = 1440

/**
 * What an agent used, in steps of time. DomainError `bad-request` for a range that is empty, too long or too old, or has more
 * steps than an answer; `not-found`.
 */
export async function readMetrics(
  deps: Deps,
  actor: CallerActor,
  agentId: string,
  query: MetricsQuery,
): Promise<AgentMetrics> {
  const range = rangeOf(query, Date.now())
  const items = await withActor(deps.db, actor, async (tx) =>
    (await agentExists(tx, agentId)) ? samplesBetween(tx, agentId, range) : undefined,
  )
  if (!items) throw new DomainError('not-found')
  return { items, step: range.step }
}

/** The range that is asked for, at a moment in milliseconds since 1970, with what was left out filled in. Pure. */
export function rangeOf(query: MetricsQuery, now: number): { from: Date; to: Date; step: number } {
  const to = query.to === undefined ? now : momentOf(query.to, 'to')
  const asked = query.from === undefined ? to - hourMs : momentOf(query.from, 'from')
  if (to <= asked) throw refused('to', 'must be later than `from`')
  if (to - asked > keptMs + graceMs) throw refused('to', 'must be at most 24 hours after `from`')
  if (asked < now - keptMs - graceMs) {
    throw refused('from', 'must be at most 24 hours ago: older samples are not kept')
  }
  const from = Math.max(asked, to - keptMs)
  const seconds = (to - from) / 1000
  const step = query.step ?? stepFor(seconds, usualItems)
  if (seconds / step > mostItems) {
    const message = `gives more than ${mostItems} items: use ${stepFor(seconds, mostItems)} or more, or a shorter range`
    throw refused('step', message)
  }
  return { from: new Date(from), to: new Date(to), step }
}

/** The least whole number of sampling periods that gives so many items or fewer. */
function stepFor(seconds: number, items: number): number {
  return Math.min(mostStep, Math.max(leastStep, Math.ceil(seconds / items / leastStep) * leastStep))
}

function momentOf(text: string, name: 'from' | 'to'): number {
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) throw refused(name, 'must be a moment such as 2026-01-31T12:00:00Z')
  return ms
}

const refused = (name: keyof MetricsQuery, message: string) =>
  new DomainError('bad-request', { errors: [{ path: `querystring/${name}`, message }] })
