import type { WorkspaceEnding } from '@nora/contract/workspaces'
import { type Tx, withActor } from '@nora/db/actor'
import { lockWorkspace } from '@nora/db/agents'
import { beginWorkspaceEnd, thisWorkspace, workspaceContents } from '@nora/db/workspaces'
import { DomainError } from '@nora/domain/errors'
import { takeTurn } from '../agents/agent-turn.ts'
import { queueDelete } from '../agents/lifecycle.ts'
import { ringAll } from '../agents/ring-all.ts'
import type { Deps } from '../deps.ts'
import type { RequestActor } from '../http/sessions.ts'

type Ending = WorkspaceEnding['agents'][number]

/**
 * Deletes the caller's workspace. What is in it is said first: DomainError `workspace-not-empty` with its agents and keys
 * unless `force`. Then each agent is asked to go, and the workspace goes with the last of them; undefined when it has gone
 * already. Asked again it says how far it is. DomainError `not-found`, `personal-workspace`, `forbidden`.
 */
export async function deleteWorkspace(
  deps: Deps,
  who: RequestActor,
  force: boolean,
): Promise<WorkspaceEnding | undefined> {
  const { ending, rung } = await withActor(deps.db, who.actor, async (tx) => {
    await lockWorkspace(tx, who.workspaceId)
    const workspace = await thisWorkspace(tx)
    // Somebody else's delete was before us in the lock, and it is gone.
    if (!workspace) throw new DomainError('not-found')
    const { agents, keys, keyCount } = await workspaceContents(tx)
    const gone = await beginWorkspaceEnd(tx, who)
    if (!force && workspace.deleting_since === null && agents.length + keyCount > 0)
      throw notEmpty(agents, keys, keyCount)
    if (gone) return { ending: undefined, rung: [] }
    const asked: (Ending & { fresh: boolean })[] = []
    for (const agent of agents) asked.push({ ...agent, ...(await askToGo(tx, who, agent.id)) })
    return {
      ending: {
        status: 'deleting' as const,
        agents: asked.map(({ id, name, operationId }) => ({ id, name, operationId })),
        keyCount,
      },
      rung: asked.filter((one) => one.fresh).map((one) => one.operationId),
    }
  })
  await ringAll(deps, rung)
  return ending
}

/** The operation that deletes an agent, with its state: a new one, or the one that was asked for before. */
async function askToGo(
  tx: Tx,
  who: RequestActor,
  agentId: string,
): Promise<{ operationId: string | null; fresh: boolean }> {
  const turn = await takeTurn(tx, agentId)
  const operationId = await queueDelete(tx, who, turn, false)
  if (operationId !== null) return { operationId, fresh: true }
  return { operationId: turn.open.at(-1)?.id ?? null, fresh: false }
}

/** 409 that says what goes: agents and the caller's own and shared keys by name, those of others by number. */
function notEmpty(
  agents: { id: string; name: string }[],
  keys: { id: string; label: string }[],
  keyCount: number,
): DomainError {
  return new DomainError(
    'workspace-not-empty',
    { agents, keys, keyCount },
    {
      detail: `${agents.length} agent(s) with their data and ${keyCount} key(s) go with it; repeat with ?force=true to delete them`,
    },
  )
}
