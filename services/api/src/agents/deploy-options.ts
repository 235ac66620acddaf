import { mostPids } from '@nora/contract/agents'
import type { DeployOptions } from '@nora/contract/deploy-options'
import { type SessionActor, withActor } from '@nora/db/actor'
import { diskEnforcedLately } from '@nora/db/agent-reads'
import { countAgents, hasAgentRoom } from '@nora/db/agents'
import { runtimeNamed, runtimeNames } from '@nora/runtimes/catalog'
import type { Deps } from '../deps.ts'
import { sandboxProfiles, targets } from './places.ts'

/**
 * What a form that deploys an agent offers in the actor's workspace. Of other workspaces it says one thing: that the server has
 * no room left. Creating decides anew, under its locks.
 */
export async function deployOptions(deps: Deps, actor: SessionActor): Promise<DeployOptions> {
  const { limits, maxAgentsTotal } = deps.config
  const { used, room, diskEnforced } = await withActor(deps.db, actor, async (tx, { workspaceId }) => ({
    used: await countAgents(tx, workspaceId),
    room: await hasAgentRoom(tx, maxAgentsTotal),
    diskEnforced: await diskEnforcedLately(tx),
  }))
  const left = Math.max(0, limits.agents - used)
  return {
    runtimes: runtimeNames.map((name) => {
      const { title, description, chat, asks, keyKinds, defaults, minimum } = runtimeNamed(name)!
      return { name, title, description, chat, asks, keyKinds: [...keyKinds], defaults, minimum }
    }),
    targets: targets(deps.config),
    sandboxProfiles: [...sandboxProfiles],
    quotas: {
      agents: {
        limit: limits.agents,
        used,
        left: room ? left : 0,
        limitedBy: left === 0 ? 'workspace' : room ? null : 'server',
      },
      perAgent: {
        cpus: limits.vcpu,
        memoryMb: limits.ramMb,
        diskMb: limits.diskGb * 1024,
        pids: mostPids,
      },
    },
    diskEnforced,
  }
}
