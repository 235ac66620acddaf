import { type Tx, withActor } from '@nora/db/actor'
import { networkSlot } from '@nora/db/fleet'
import type { LeasedOperation } from '@nora/db/leases'
import { agentOf, operationOf, recordStep, setAgentState } from '@nora/db/worker-agents'
import { waiting } from '../host-guard/judge.ts'
import { firstSlot, slotsIn } from '../reconcile/addresses.ts'
import { type LocalImageName, localImageOf, targetOf } from '../reconcile/target.ts'
import type { KeptLease } from './keep-lease.ts'
import type { Run, RunDeps } from './run.ts'

/**
 * Reads what the operation is about and works out what should be. Throws `BackendError` when an image of ours cannot be
 * assembled now, and NR409 `network pool exhausted`.
 */
export async function openRun(
  deps: RunDeps,
  operation: LeasedOperation,
  lease: KeptLease,
  over: AbortSignal,
): Promise<Run> {
  const { agent, row, slot } = await withActor(deps.db, operation.actor, async (tx, entered) => {
    if (entered.cancelRequested) lease.noteCancel()
    const agent = await agentOf(tx, entered.agentId!)
    const row = await operationOf(tx, operation.id)
    if (!agent || !row) throw new Error('an operation without its rows')
    return { agent, row, slot: agent.network_slot ?? (await takeSlot(tx, deps.pool, agent.desired_state)) }
  })
  const local = agent.desired_state === 'running' ? localImageOf(agent) : undefined
  const localImage = local && (await ownImage(deps, operation, agent.id, local, over))
  const target = targetOf(agent, { ...deps, slot, localImage })
  const unrouted = agent.gateway_id === null || agent.container_ip === null
  return {
    operation,
    lease,
    agent,
    target,
    gatewayId: agent.gateway_id,
    observed: undefined,
    state: agent.state,
    keyProblem: undefined,
    reason: agent.state_reason,
    takesKeyBack: row.input['takesKeyBack'] === true,
    // A step that begins says other words: these are of an earlier try of this operation, after its last step.
    wasHeld: row.step !== null && agent.state_reason.startsWith(waiting),
    facts: {
      beganAt: (row.started_at ?? row.created_at).getTime(),
      cancelled: false,
      keysDelivered: false,
      keysRemoved: false,
      storageRemoved: false,
      reload: 'not-yet',
      made: false,
      started: false,
      stopped: false,
      keysOwed: agent.keys_owed,
      wasHealthy: agent.state === 'running' || agent.unhealthy,
      routed: target.desired !== 'running' && unrouted,
      healthy: false,
      diskEnforced: agent.disk_enforced,
      crashes: { count: agent.crash_count, lastAt: agent.last_crash_at?.getTime() ?? null },
    },
  }
}

// What never ran and is not to run needs no addresses: any slot names the same (absent) objects.
async function takeSlot(tx: Tx, pool: string, desired: string): Promise<number> {
  return desired === 'running' ? networkSlot(tx, slotsIn(pool)) : firstSlot
}

async function ownImage(
  deps: RunDeps,
  operation: LeasedOperation,
  agentId: string,
  name: LocalImageName,
  over: AbortSignal,
): Promise<string> {
  if (!deps.images.isKnown(name)) {
    const reason = `assembling image ${name}`
    await withActor(deps.db, operation.actor, async (tx) => {
      await recordStep(tx, operation.id, 'ensure-image', reason)
      await setAgentState(tx, agentId, 'provisioning', reason)
    })
  }
  return deps.images.reference(name, over)
}
