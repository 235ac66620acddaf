import { Anchor, Group, Stack, Text } from '@mantine/core'
import { printable } from '@nora/ui/lib/printable'
import { KeyRound, RefreshCw } from 'lucide-react'
import { Link } from 'react-router'
import { useWorkspace } from '../../session.tsx'
import type { AgentSummary } from './agent-actions.ts'
import { heldKeys, type Versions } from './held-keys.ts'

/** The names of an agent's keys, and whether it still has to be given a newer one. */
export function KeyList({ agent, versions }: { agent: AgentSummary; versions: Versions }) {
  const { to } = useWorkspace()
  const keys = heldKeys(agent, versions)
  if (keys.length === 0)
    return (
      <Text size="sm" c="dimmed">
        None
      </Text>
    )
  const [first, ...others] = keys
  const waits = keys.find((key) => key.waits !== null)?.waits
  return (
    <Stack gap={2}>
      <Group gap={6} wrap="nowrap" title={keys.map(({ label }) => printable(label)).join(', ')}>
        <KeyRound size={14} aria-hidden style={{ flex: 'none' }} />
        <Text size="sm" lineClamp={1} className="nora-wrap">
          {printable(first?.label ?? '')}
          {others.length > 0 && ` and ${others.length} more`}
        </Text>
      </Group>
      {waits && (
        <Group gap={6} wrap="nowrap" c="dimmed">
          <RefreshCw size={14} aria-hidden style={{ flex: 'none' }} />
          <Anchor component={Link} to={to(`/agents/${agent.id}/keys`)} size="xs">
            {waits === 'newer' ? 'A newer key waits to be synced' : 'A key waits to be synced'}
          </Anchor>
        </Group>
      )}
    </Stack>
  )
}
