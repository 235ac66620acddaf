import { type FleetAgent, fleet, requestOperation } from '@nora/db/fleet'
import type { DB } from '@nora/db/schema'
import type { Logger } from '@nora/log/logger'
import type { Kysely } from 'kysely'
import { answering } from '../backends/answering.ts'
import type { Backend, ListedContainer } from '../backends/backend.ts'
import { mostLooks } from '../operations/looked-at-again.ts'
import { retryDelayMs } from './backoff.ts'

export type Drift = { agentId: string; reason: string }

/**
 * Which agents are not as they should be: pure. An agent with an open operation is left to it; a failure is tried again
 * when its back-off is over.
 */
export function findDrift(
  agents: readonly FleetAgent[],
  listed: readonly ListedContainer[],
  now: number,
): Drift[] {
  // A copy of an agent's container has its labels, too; the one with its name is the agent's.
  const known = listed.toSorted((a, b) => Number(b.renamed) - Number(a.renamed))
  const containers = new Map(known.map((container) => [container.agentId, container]))
  return agents.flatMap((agent) => {
    if (agent.openOperation) return []
    const reason = driftOf(agent, containers.get(agent.agentId), now)
    return reason === undefined ? [] : [{ agentId: agent.agentId, reason }]
  })
}

function driftOf(agent: FleetAgent, container: ListedContainer | undefined, now: number): string | undefined {
  const up = container?.status === 'running' || container?.status === 'paused'
  const resting = now < Math.max(...restEnds(agent))
  if (agent.desiredState === 'deleted') return resting ? undefined : 'it is to be deleted and is still there'
  if (agent.desiredState === 'stopped') {
    if (up && !resting) return 'it is to be stopped and runs'
    return agent.state !== 'stopped' && !resting ? 'its stop did not finish' : undefined
  }
  if (agent.state === 'running') {
    return changed(agent, container) ?? (agent.keysOwed && !resting ? owed : undefined)
  }
  if (resting) return undefined
  if (agent.state === 'stopped') return 'it is to run and was stopped'
  if (agent.state === 'error') return 'trying again after a failure'
  const reason = changed(agent, container) ?? (agent.keysOwed ? owed : undefined)
  if (reason !== undefined || agent.state === 'degraded') return reason ?? failedBefore(agent)
  return 'nothing works on it'
}

/** When the pauses end after the last crash, and after the last failure on a program that runs on; each has a count of its own. */
const restEnds = ({ lastCrashAt, crashCount, failedAt, failedTries }: FleetAgent): number[] => [
  ...(lastCrashAt ? [lastCrashAt.getTime() + retryDelayMs(crashCount)] : []),
  ...(failedAt ? [failedAt.getTime() + retryDelayMs(failedTries)] : []),
]

/** An operation failed on a program that runs on: looking again may mend it, each time later and not for ever. */
function failedBefore({ failedTries }: FleetAgent): string | undefined {
  if (failedTries === 0 || failedTries > mostLooks) return undefined
  return `trying again after a failure (${failedTries} of ${mostLooks})`
}

const owed = 'a key is still to be taken out of it'

function changed(agent: FleetAgent, container: ListedContainer | undefined): string | undefined {
  if (!container) return 'its container is gone'
  if (container.status === 'exited' || container.status === 'dead') return 'its program ended'
  if (container.status === 'created') return 'its container was never started'
  if (container.status === 'paused') return 'its container was paused by hand'
  if (container.generation !== agent.observedGeneration) return 'its container is of another generation'
  if (container.renamed) return 'its container was renamed'
  if (container.ip === null) return 'its container lost its network'
  if (agent.containerIp !== null && agent.containerIp !== container.ip)
    return 'its container has another address'
  return undefined
}

/** One pass: one query, one engine listing; for each drift an operation, and nothing else. Gives how many. */
export async function reconcileFleet(
  deps: { db: Kysely<DB>; backend: Backend; log: Logger; onRequest: (operationId: string) => void },
  signal: AbortSignal,
): Promise<{ agents: FleetAgent[]; listed: ListedContainer[] }> {
  // First what should be: an operation that begins in between makes the request below a no-op.
  const agents = await fleet(deps.db)
  const listed = await answering(15_000, signal, (bounded) => deps.backend.list(bounded))
  for (const { agentId, reason } of findDrift(agents, listed, Date.now())) {
    signal.throwIfAborted()
    const operationId = await requestOperation(deps.db, { agentId, kind: 'reconcile', reason, delayMs: 0 })
    if (operationId === null) continue
    deps.log.info({ agentId, operationId, reason }, 'drift')
    deps.onRequest(operationId)
  }
  return { agents, listed }
}

/** When the next back-off ends, in milliseconds from `now`, so that the pass need not be waited for. */
export function nextRetryMs(agents: readonly FleetAgent[], now: number): number | undefined {
  const ends = agents
    .filter((agent) => agent.state !== 'running' && !agent.openOperation)
    .flatMap(restEnds)
    .map((end) => end - now)
    .filter((ms) => ms > 0)
  return ends.length > 0 ? Math.min(...ends) : undefined
}

/** Hears the engine's events and asks for a pass at each; follows again after the engine was away. */
export async function followEvents(
  backend: Backend,
  onEvent: () => void,
  signal: AbortSignal,
): Promise<void> {
  for await (const { action } of backend.events(signal)) {
    if (action !== 'start' && action !== 'unpause') onEvent()
  }
  signal.throwIfAborted()
  throw new Error("the engine's event stream ended")
}
