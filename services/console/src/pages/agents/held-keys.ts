import type { AgentSummary } from './agent-actions.ts'
import { openOperation } from './agent-actions.ts'

/** Of a stored credential: which version of its secret is the newest. */
export type Versions = ReadonlyMap<string, { label: string; secretVersion: number }>

export type HeldKey = {
  id: string
  label: string
  /** `newer`: the agent holds an older secret than the stored one. `never`: it runs and has not been given it yet. */
  waits: 'newer' | 'never' | null
}

/** The keys of an agent, and which of them it does not hold as they are stored now. */
export function heldKeys(
  agent: Pick<AgentSummary, 'providerKeys' | 'state' | 'operation'>,
  versions: Versions,
): HeldKey[] {
  // What is under way delivers them; a stopped agent gets them when it starts.
  const asks = (agent.state === 'running' || agent.state === 'degraded') && openOperation(agent) === null
  return agent.providerKeys.map(({ id, label, syncedSecretVersion }) => {
    const stored = versions.get(id)
    const older =
      stored !== undefined && syncedSecretVersion !== null && syncedSecretVersion < stored.secretVersion
    return {
      id,
      label: label ?? stored?.label ?? 'A key of somebody else',
      waits: !asks ? null : syncedSecretVersion === null ? 'never' : older ? 'newer' : null,
    }
  })
}
