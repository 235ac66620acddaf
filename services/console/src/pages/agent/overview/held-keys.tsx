import { Anchor, Paper, Stack, Text, Title } from '@mantine/core'
import { Time } from '@nora/ui/time'
import { Link } from 'react-router'
import { useWorkspace } from '../../../session.tsx'
import type { Agent } from '../../agents/agent-actions.ts'
import { Facts } from './facts.tsx'

/** The keys that an agent holds, and which version of each was delivered to it. */
export function HeldKeys({ agent }: { agent: Agent }) {
  const { to, can } = useWorkspace()
  return (
    <Paper withBorder p="md" radius="md" component="section" aria-label="Keys">
      <Stack gap="sm">
        <Title order={2}>Keys</Title>
        {agent.providerKeys.length === 0 ? (
          <Text size="sm" c="dimmed">
            It holds no key.
          </Text>
        ) : (
          <Facts
            facts={agent.providerKeys.map(({ id, label, syncedSecretVersion, syncedAt }) => [
              label ?? 'A key of somebody else',
              syncedSecretVersion === null ? (
                'not delivered yet'
              ) : (
                <span key={id}>
                  version {syncedSecretVersion}, delivered <Time at={syncedAt} />
                </span>
              ),
            ])}
          />
        )}
        <Anchor component={Link} to={to(`/agents/${agent.id}/keys`)} size="sm">
          {can('agent:update') ? 'See and change its keys' : 'See its keys'}
        </Anchor>
      </Stack>
    </Paper>
  )
}
