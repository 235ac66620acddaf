import { Checkbox, Stack, Text } from '@mantine/core'
import { Confirm } from '@nora/ui/confirm'
import { said } from '@nora/ui/toasts'
import { useState } from 'react'
import type { AgentSummary } from './agent-actions.ts'
import { useAgentAction } from './use-agent-action.ts'

/** Asks whether an agent should go, by its name, and what becomes of what it keeps. */
export function DeleteAgent({
  agent,
  opened,
  onClose,
  onDeleted,
}: {
  agent: Pick<AgentSummary, 'id' | 'name'>
  opened: boolean
  onClose: () => void
  onDeleted?: () => void
}) {
  const { mutateAsync } = useAgentAction({ quiet: true })
  const [keepData, setKeepData] = useState(false)
  const confirmed = async () => {
    await mutateAsync({ agentId: agent.id, action: 'delete', keepData })
    said(`${agent.name} is being deleted.`)
    onDeleted?.()
  }
  return (
    <Confirm
      opened={opened}
      onClose={onClose}
      title="Delete this agent?"
      action="Delete agent"
      name={agent.name}
      onConfirm={confirmed}
    >
      <Stack gap="sm">
        <Text size="sm">
          Its program ends and its container, address and logs go with it. This cannot be taken back. The keys
          it holds stay where they are stored.
        </Text>
        <Checkbox
          label="Leave its stored files on the server"
          description="The volume stays on the server’s disk for whoever runs it; no new agent gets it."
          checked={keepData}
          onChange={(event) => setKeepData(event.currentTarget.checked)}
        />
      </Stack>
    </Confirm>
  )
}
