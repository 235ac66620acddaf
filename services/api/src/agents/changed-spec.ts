import { isDeepStrictEqual } from 'node:util'
import type { UpdateAgent } from '@nora/contract/agents'
import type { AgentSpecRow, SpecOfAgent } from '@nora/db/agents'
import type { Deps } from '../deps.ts'
import { checkSpec } from './check-spec.ts'

/**
 * The columns that will differ from what the agent is; none when nothing is asked, but the whole is checked with the keys
 * it will hold, which its config may name. DomainErrors of `checkSpec`.
 */
export function changedSpec(
  deps: Deps,
  agent: SpecOfAgent,
  asked: Omit<UpdateAgent, 'name' | 'providerKeyIds'>,
  providerKeyIds: readonly string[],
): Partial<AgentSpecRow> {
  const size = { cpus: agent.cpus, memoryMb: agent.memory_mb, diskMb: agent.disk_mb, pids: agent.pids }
  const { id, name, runtime, image, env, config, command, port } = agent
  const wanted = checkSpec(
    deps.config,
    {
      ...{ id, name, runtime, image, env, config, command, port },
      ...asked,
      resources: { ...size, ...asked.resources },
      providerKeyIds,
    },
    asked.resources !== undefined,
  )
  const differing = Object.entries(wanted).filter(
    ([field, value]) => !isDeepStrictEqual(value, agent[field as keyof AgentSpecRow]),
  )
  return Object.fromEntries(differing)
}
