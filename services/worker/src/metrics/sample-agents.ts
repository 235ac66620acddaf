import {
  type NewSample,
  recordSamples,
  type SampledAgent,
  sampledAgents,
  trimSamples,
} from '@nora/db/samples'
import type { DB } from '@nora/db/schema'
import type { Kysely } from 'kysely'
import { type Backend, BackendError, type Usage } from '../backends/backend.ts'

/** Most of a reading is waiting for the engine's own tick, each second: 300 agents fit into a period. */
const atOnce = 32
const rowsAtOnce = 10_000
const mostRounds = 50

type Reading = { containerId: string; usage: Usage }

/**
 * Rounds that read what each running agent of this worker uses, and write all of it with one call. An agent's first reading is
 * no sample: its CPU is the difference to the one before. A container that cannot be read fails the round once the others are
 * written; an engine that is away ends it.
 */
export function sampleRounds(deps: {
  db: Kysely<DB>
  workerId: string
  backend: Pick<Backend, 'usage'>
}): (signal: AbortSignal) => Promise<void> {
  let before = new Map<string, Reading>()
  return async (signal) => {
    const agents = await sampledAgents(deps.db, deps.workerId)
    const readings = new Map<string, Reading>()
    const samples: NewSample[] = []
    const errors: unknown[] = []
    const queue = agents.values()
    let away = false
    const read = async (agent: SampledAgent) => {
      const usage = await deps.backend.usage(agent.containerId, signal)
      if (!usage) return
      readings.set(agent.agentId, { containerId: agent.containerId, usage })
      const sample = sampleOf(agent, before.get(agent.agentId), usage)
      if (sample) samples.push(sample)
    }
    const lanes = Array.from({ length: Math.min(atOnce, agents.length) }, async () => {
      for (const agent of queue) {
        if (away || signal.aborted) return
        await read(agent).catch((error) => {
          away ||= error instanceof BackendError && error.code === 'engine-unavailable'
          errors.push(error)
        })
      }
    })
    await Promise.all(lanes)
    before = readings
    signal.throwIfAborted()
    if (samples.length > 0) await recordSamples(deps.db, deps.workerId, samples)
    if (errors.length > 0) throw errors[0]
  }
}

/** What was used since the reading before; undefined without one of the same run of the same container. */
export function sampleOf(
  agent: SampledAgent,
  before: Reading | undefined,
  usage: Usage,
): NewSample | undefined {
  if (before?.containerId !== agent.containerId) return undefined
  const ms = usage.takenAt - before.usage.takenAt
  const ns = usage.cpuNs - before.usage.cpuNs
  if (ms <= 0 || ns < 0) return undefined
  const { takenAt: _, cpuNs: __, ...used } = usage
  const cpuPercent = Math.round((ns / ms / 1e6) * 100 * 100) / 100
  return { ...agent, ...used, cpuPercent, diskBytes: null, diskLimitBytes: null }
}

/** Removes samples that are too old or of deleted agents; gives how many went. Bounded: what is left is for the next call. */
export async function trimAllSamples(db: Kysely<DB>, signal: AbortSignal): Promise<number> {
  let gone = 0
  for (let round = 0; round < mostRounds && !signal.aborted; round++) {
    const rows = await trimSamples(db, rowsAtOnce)
    if (rows === 0) break
    gone += rows
  }
  return gone
}
