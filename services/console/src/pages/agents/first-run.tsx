import { Anchor, Button, CloseButton, Group, List, Paper, Stack, Text, ThemeIcon, Title } from '@mantine/core'
import { useLocalStorage } from '@mantine/hooks'
import { Check } from 'lucide-react'
import type { ReactNode } from 'react'
import { Link } from 'react-router'
import { useWorkspace } from '../../session.tsx'
import type { AgentSummary } from './agent-actions.ts'
import { useStoredKeys } from './use-stored-keys.ts'

/** Leads from an empty workspace to the first answer of an agent. It stays for the first agent, until it is put away. */
export function FirstRun({ first }: { first?: AgentSummary | undefined }) {
  const { workspace, to } = useWorkspace()
  const { keys } = useStoredKeys()
  const [away, setAway] = useLocalStorage({ key: `nora.guide.${workspace.id}`, defaultValue: false })
  if (away && first) return null
  const hasKey = keys.some(({ family }) => family === 'provider-keys')
  const next = !hasKey ? 1 : !first ? 2 : 3
  return (
    <Paper withBorder p={{ base: 'md', sm: 'xl' }}>
      <Group justify="space-between" align="flex-start" wrap="nowrap">
        <Stack gap={4}>
          <Title order={2}>{first ? 'Your first agent is here' : 'Your first agent, in three steps'}</Title>
          <Text size="sm" c="dimmed">
            An agent is a program in a container of its own, with only the keys you give it.
          </Text>
        </Stack>
        {first && <CloseButton aria-label="Put this guide away" onClick={() => setAway(true)} />}
      </Group>
      <List type="ordered" listStyleType="none" spacing="lg" mt="lg">
        <Step number={1} done={hasKey} title="Add a provider key">
          The key of a model provider, such as OpenAI or Anthropic. It is sealed, and never shown again.
          <Do to={to('/credentials?add=')} now={next === 1}>
            Add a provider key
          </Do>
        </Step>
        <Step number={2} done={first !== undefined} title="Deploy an agent">
          The starter agent needs nothing but a name and your key.
          <Do to={to('/agents/new')} now={next === 2}>
            Deploy an agent
          </Do>
        </Step>
        <Step number={3} done={false} title="Talk to it">
          {first
            ? 'Say hello to it. Its log and what it uses are beside the chat.'
            : 'Its page has a place to chat with it.'}
          {first && (
            <Do to={to(`/agents/${first.id}/chat`)} now={next === 3}>
              Talk to {first.name}
            </Do>
          )}
        </Step>
      </List>
    </Paper>
  )
}

function Step(props: { number: number; done: boolean; title: string; children: ReactNode }) {
  const { number, done, title, children } = props
  return (
    <List.Item
      icon={
        <ThemeIcon radius="xl" size={28} variant={done ? 'filled' : 'default'} color="teal.9">
          {done ? <Check size={16} aria-label="Done" role="img" /> : <Text size="sm">{number}</Text>}
        </ThemeIcon>
      }
      styles={{ itemWrapper: { alignItems: 'flex-start' } }}
    >
      <Text fw={600} lh="28px">
        {title}
      </Text>
      {!done && (
        <Text size="sm" c="dimmed" component="div">
          {children}
        </Text>
      )}
    </List.Item>
  )
}

/** The way to a step: a button for the one whose turn it is, a link for the others. */
function Do({ to, now, children }: { to: string; now: boolean; children: ReactNode }) {
  return (
    <div style={{ paddingTop: 8 }}>
      {now ? (
        <Button component={Link} to={to}>
          {children}
        </Button>
      ) : (
        <Anchor component={Link} to={to} size="sm">
          {children}
        </Anchor>
      )}
    </div>
  )
}
