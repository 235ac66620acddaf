import type { Tx } from './actor.ts'

/** Ids of the keys an agent holds. */
export async function attachedKeys(tx: Tx, agentId: string): Promise<string[]> {
  const rows = await tx
    .selectFrom('agent_credentials')
    .select('credential_id')
    .where('agent_id', '=', agentId)
    .execute()
  return rows.map((row) => row.credential_id)
}

/** Whether the agent holds a key that this actor may not use: policies hide such a key's own row. */
export async function holdsForeignKey(tx: Tx, agentId: string): Promise<boolean> {
  const row = await tx
    .selectFrom('agent_credentials as ac')
    .leftJoin('credentials as c', (join) =>
      join.onRef('c.workspace_id', '=', 'ac.workspace_id').onRef('c.id', '=', 'ac.credential_id'),
    )
    .select('ac.credential_id')
    .where('ac.agent_id', '=', agentId)
    .where('c.id', 'is', null)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** Attaches keys; one that the actor may not see is refused by its policy. */
export async function attachKeys(
  tx: Tx,
  agent: { id: string; workspaceId: string },
  ids: readonly string[],
): Promise<void> {
  if (ids.length === 0) return
  await tx
    .insertInto('agent_credentials')
    .values(ids.map((id) => ({ workspace_id: agent.workspaceId, agent_id: agent.id, credential_id: id })))
    .execute()
}

/** Takes keys from an agent. */
export async function detachKeys(tx: Tx, agentId: string, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await tx
    .deleteFrom('agent_credentials')
    .where('agent_id', '=', agentId)
    .where('credential_id', 'in', [...ids])
    .execute()
}
