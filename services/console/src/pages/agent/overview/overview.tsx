import { Anchor, Code, Group, Paper, SimpleGrid, Stack, Text, Title } from '@mantine/core'
import { CopyButton } from '@nora/ui/copy-button'
import { bytes } from '@nora/ui/lib/words'
import { Time } from '@nora/ui/time'
import { Link } from 'react-router'
import { usePeople } from '../../../names.ts'
import { useWorkspace } from '../../../session.tsx'
import type { Agent } from '../../agents/agent-actions.ts'
import { hasLastWords, LastWords } from '../last-words.tsx'
import { useDeployOptions } from '../use-names.ts'
import { Facts } from './facts.tsx'
import { HeldKeys } from './held-keys.tsx'
import { LastLines } from './last-lines.tsx'
import { Usage } from './usage.tsx'

const mb = 1024 * 1024

/** What the agent is made of, what it holds and uses, and what it said last. */
export function OverviewTab({ agent }: { agent: Agent }) {
  const { can, to } = useWorkspace()
  const personOf = usePeople()
  const { data } = useDeployOptions()
  const { resources, operation } = agent
  const titleIn = (list: { name: string; title: string }[] | undefined, name: string) =>
    list?.find((one) => one.name === name)?.title ?? name
  const address = `${window.location.origin}/api/agents/${agent.id}/invoke/`
  return (
    <Stack gap="lg">
      {operation && hasLastWords(operation) && <LastWords operation={operation} />}
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md">
        <Paper withBorder p="md" radius="md" component="section" aria-label="What runs">
          <Stack gap="sm">
            <Title order={2}>What runs</Title>
            <Facts
              facts={[
                ['Runtime', titleIn(data?.runtimes, agent.runtime)],
                ['Image', agent.image ? <Code key="image">{agent.image}</Code> : 'comes with the runtime'],
                ['Target', titleIn(data?.targets, agent.target)],
                ['Sandbox', titleIn(data?.sandboxProfiles, agent.sandboxProfile)],
                ['Processor', `${resources.cpus} of a core at most`],
                ['Memory', `${bytes(resources.memoryMb * mb)} at most`],
                ['Disk', `${bytes(resources.diskMb * mb)}, ${diskWords(agent.diskEnforced)}`],
                ['Processes', `${resources.pids} at most`],
                ['Generation', generationWords(agent)],
                [
                  'Made by',
                  <>
                    {personOf(agent.createdBy)}, <Time at={agent.createdAt} />
                  </>,
                ],
                ['Changed', <Time key="changed" at={agent.updatedAt} />],
              ]}
            />
          </Stack>
        </Paper>
        <Stack gap="md">
          <HeldKeys agent={agent} />
          <Paper withBorder p="md" radius="md" component="section" aria-label="Address">
            <Stack gap="xs">
              <Title order={2}>Address</Title>
              <Group gap={4} wrap="nowrap">
                <Code className="nora-wrap">{address}</Code>
                <CopyButton value={address} label="Copy the address" />
              </Group>
              <Text size="sm" c="dimmed">
                The only way to the agent, through the gateway: for people who are signed in. Programs use
                /api/agent-hub/agents/{'{id}'}/invoke/ with{' '}
                {can('api-key:manage') ? (
                  <Anchor component={Link} to={to('/api-keys')} underline="always">
                    an Agent Hub key
                  </Anchor>
                ) : (
                  'an Agent Hub key'
                )}
                .
              </Text>
            </Stack>
          </Paper>
        </Stack>
      </SimpleGrid>
      <Usage agent={agent} />
      {can('logs:read') && <LastLines agentId={agent.id} />}
    </Stack>
  )
}

function diskWords(enforced: boolean | null): string {
  if (enforced === null) return 'measured or enforced: known once it was set up'
  return enforced ? 'enforced by the storage' : 'measured, not enforced by this server’s storage'
}

const generationWords = ({ generation, observedGeneration }: Agent) =>
  observedGeneration === generation
    ? `${generation}`
    : `${generation} is wanted; ${observedGeneration === 0 ? 'none has run yet' : `${observedGeneration} was the last to run`}`
