import { Text } from '@mantine/core'
import { Confirm } from '@nora/ui/confirm'
import { said } from '@nora/ui/toasts'
import { useWorkspace } from '../../session.tsx'
import type { AboutProps } from './dialogs.tsx'
import { AgentLinks, isBehind, useHolders } from './holders.tsx'
import { syncAgents, syncWords } from './sync-agents.ts'
import { useFamily } from './use-family.ts'

/** Gives the newest secret to the running agents that have an older one. */
export function SyncHolders({ family, credential, opened, onClose }: AboutProps) {
  const { api } = useWorkspace()
  const { changed } = useFamily(family)
  const behind = useHolders(credential).filter((holder) => isBehind(holder, credential))
  const sync = async () => {
    const synced = await syncAgents(api, behind)
    await changed()
    said(syncWords(synced))
  }
  return (
    <Confirm
      {...{ opened, onClose }}
      title="Give agents the new secret?"
      action="Sync these agents"
      color="iris.7"
      onConfirm={sync}
    >
      <Text size="sm">
        <AgentLinks agents={behind} /> {behind.length === 1 ? 'runs' : 'run'} with an older version of “
        {credential.label}”. All keys of {behind.length === 1 ? 'that agent' : 'these agents'} are delivered
        again in their newest version, without a restart.
      </Text>
    </Confirm>
  )
}
