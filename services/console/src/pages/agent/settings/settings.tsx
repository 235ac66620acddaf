import { Button, Paper, Stack, Text, Title } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { QueryView } from '@nora/ui/query-view'
import { useNavigate } from 'react-router'
import { useWorkspace } from '../../../session.tsx'
import type { Agent } from '../../agents/agent-actions.ts'
import { DeleteAgent } from '../../agents/delete-agent.tsx'
import { useDeployOptions } from '../use-names.ts'
import { SettingsForm } from './settings-form.tsx'

/** What the agent is asked to be, and the way to be rid of it. */
export function SettingsTab({ agent }: { agent: Agent }) {
  const { can, to } = useWorkspace()
  const options = useDeployOptions()
  const navigate = useNavigate()
  const [deleting, { open, close }] = useDisclosure()
  return (
    <Stack gap="lg" maw="46rem">
      <QueryView query={options}>
        {({ runtimes, quotas }) => {
          const runtime = runtimes.find(({ name }) => name === agent.runtime)
          return (
            <SettingsForm
              agent={agent}
              asks={runtime?.asks ?? { image: 'optional', command: 'optional', port: 'optional' }}
              minimum={runtime?.minimum}
              most={quotas.perAgent}
            />
          )
        }}
      </QueryView>
      {can('agent:delete') && agent.desiredState !== 'deleted' && (
        <Paper withBorder p="md" radius="md" component="section" aria-label="Delete this agent">
          <Stack gap="sm" align="flex-start">
            <Title order={2}>Delete this agent</Title>
            <Text size="sm" c="dimmed">
              Its program, container, address and logs go for good. What it keeps goes too, unless you choose
              to leave it.
            </Text>
            <Button color="red.8" onClick={open}>
              Delete agent
            </Button>
          </Stack>
        </Paper>
      )}
      <DeleteAgent
        agent={agent}
        opened={deleting}
        onClose={close}
        onDeleted={() => void navigate(to('/agents'))}
      />
    </Stack>
  )
}
