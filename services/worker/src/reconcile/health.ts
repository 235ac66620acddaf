import { type ProbedAgent, probedAgents, requestOperation } from '@nora/db/fleet'
import type { DB } from '@nora/db/schema'
import type { Kysely } from 'kysely'
import type { Dataplane, ProbeAnswer } from '../dataplane/dataplane.ts'
import { probePasses } from '../operations/probe-passes.ts'

/** Answers that fail in a row before the agent counts as unhealthy. */
const mostFailures = 3
const atOnce = 8

/** What one more answer means for an agent: pure. `failures` is how many have failed in a row by now. */
export function healthDrift(unhealthy: boolean, failures: number): string | undefined {
  if (unhealthy) return failures === 0 ? 'it answers its health check again' : undefined
  return failures >= mostFailures ? 'it does not answer its health check' : undefined
}

/**
 * Rounds that ask every running agent for its health through its gateway. It changes and restarts nothing: what it sees
 * becomes an operation, which looks for itself and writes how the agent stands. A gateway that does not answer is no agent's
 * fault: it fails the round, once all others have been asked.
 */
export function healthRounds(deps: {
  db: Kysely<DB>
  workerId: string
  dataplane: Dataplane
  onRequest: (operationId: string) => void
}): (signal: AbortSignal) => Promise<void> {
  const failures = new Map<string, number>()
  const look = async ({ agentId, gatewayId, unhealthy, probe }: ProbedAgent, signal: AbortSignal) => {
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(probe.timeoutMs + 10_000)])
    const answer: ProbeAnswer = await deps.dataplane.probe(gatewayId, { agentId, ...probe }, bounded)
    const count = probePasses(probe, answer) ? 0 : (failures.get(agentId) ?? 0) + 1
    failures.set(agentId, count)
    const reason = healthDrift(unhealthy, count)
    if (reason === undefined) return
    const request = { agentId, kind: 'reconcile' as const, reason, delayMs: 0 }
    const operationId = await requestOperation(deps.db, request)
    if (operationId !== null) deps.onRequest(operationId)
  }
  return async (signal) => {
    const agents = await probedAgents(deps.db, deps.workerId)
    const ids = new Set(agents.map(({ agentId }) => agentId))
    for (const agentId of failures.keys()) if (!ids.has(agentId)) failures.delete(agentId)
    const queue = agents.values()
    const errors: unknown[] = []
    const lanes = Array.from({ length: Math.min(atOnce, agents.length) }, async () => {
      for (const agent of queue) {
        signal.throwIfAborted()
        await look(agent, signal).catch((error) => errors.push(error))
      }
    })
    // All of them, so that no lane runs on into the next round.
    const failed = (await Promise.allSettled(lanes)).find((lane) => lane.status === 'rejected')
    if (failed) throw failed.reason
    if (errors.length > 0) throw errors[0]
  }
}
