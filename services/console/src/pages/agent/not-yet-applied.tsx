import { Button, Group, Paper, Text } from '@mantine/core'
import { said } from '@nora/ui/toasts'
import { useWorkspace } from '../../session.tsx'
import { type Agent, openOperation } from '../agents/agent-actions.ts'
import { useAgentAction } from '../agents/use-agent-action.ts'

/** Says that settings were changed which the running container does not have yet, and offers the restart that it takes. */
export function NotYetApplied({ agent }: { agent: Agent }) {
  const { can } = useWorkspace()
  const ask = useAgentAction()
  const runs = agent.state === 'running' || agent.state === 'degraded'
  if (!runs || agent.generation <= agent.observedGeneration || openOperation(agent)) return null
  return (
    <Paper withBorder p="sm" radius="md" component="section" aria-label="Changes that wait">
      <Group justify="space-between" gap="sm">
        <Text size="sm" flex="1 1 16rem">
          Its settings were changed (generation {agent.generation}); what runs is generation{' '}
          {agent.observedGeneration} until it is restarted.
        </Text>
        {can('agent:operate') && (
          <Button
            size="xs"
            loading={ask.isPending}
            onClick={() =>
              ask.mutate(
                { agentId: agent.id, action: 'restart' },
                { onSuccess: () => said(`Restarting ${agent.name}.`) },
              )
            }
          >
            Restart now
          </Button>
        )}
      </Group>
    </Paper>
  )
}
