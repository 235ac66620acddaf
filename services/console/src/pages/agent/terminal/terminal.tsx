import { Button, Group, Stack, Switch, Text } from '@mantine/core'
import { useLocalStorage } from '@mantine/hooks'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { EmptyState } from '@nora/ui/query-view'
import { SquareTerminal } from 'lucide-react'
import { useRef, useState } from 'react'
import { useWorkspace } from '../../../session.tsx'
import { useWithStepUp } from '../../../step-up.tsx'
import type { Agent } from '../../agents/agent-actions.ts'
import type { TerminalConnection, TerminalState } from './connect.ts'
import { execTicket } from './exec-ticket.ts'
import { Screen } from './screen.tsx'
import classes from './terminal.module.css'

/** Shells to come back to, by agent, as long as this page of the browser lives. The id opens nothing to anybody else. */
const sessions = new Map<string, string>()

/** A shell in the agent's container, which goes on for five minutes when the line drops. */
export function TerminalTab({ agent }: { agent: Agent }) {
  const { api } = useWorkspace()
  const withStepUp = useWithStepUp()
  const [opened, setOpened] = useState(() => (sessions.has(agent.id) ? 1 : 0))
  const [state, setState] = useState<TerminalState>({ kind: 'connecting' })
  const [readAloud, setReadAloud] = useLocalStorage({
    key: 'nora.terminal.read-aloud',
    defaultValue: false,
    getInitialValueInEffect: false,
  })
  const connection = useRef<TerminalConnection>(undefined)
  const end = useRef<HTMLButtonElement>(null)
  const up = agent.state === 'running' || agent.state === 'degraded'
  const open = () => {
    setState({ kind: 'connecting' })
    setOpened((now) => now + 1)
  }
  if (opened === 0)
    return (
      <EmptyState
        title="A shell in this agent"
        icon={SquareTerminal}
        action={
          <Button onClick={open} disabled={!up}>
            Open a terminal
          </Button>
        }
      >
        {up
          ? 'It runs in the agent’s container, as the agent’s own user, and can read the keys that the agent holds. You are asked to confirm who you are, and the audit keeps that you opened it, not what you type.'
          : `The agent does not run (${agent.state}), so there is nothing to open a terminal in.`}
      </EmptyState>
    )
  const ended = state.kind === 'ended'
  return (
    <Stack gap="sm" className={classes['tools']!}>
      <Group justify="space-between" gap="sm">
        <Text size="sm" role="status">
          {words(state)}
        </Text>
        <Group gap="xs">
          <Switch
            size="xs"
            label="Read aloud"
            checked={readAloud}
            onChange={(event) => setReadAloud(event.currentTarget.checked)}
          />
          {ended ? (
            <Button size="xs" onClick={open} disabled={!up}>
              {state.session ? 'Connect again' : 'Open a new terminal'}
            </Button>
          ) : (
            <Button ref={end} size="xs" variant="default" onClick={() => connection.current?.end()}>
              End the shell
            </Button>
          )}
        </Group>
      </Group>
      {ended && state.problem !== undefined && <ProblemAlert error={state.problem} />}
      <div className={classes['frame']}>
        <Screen
          key={opened}
          label={`Terminal in ${agent.name}`}
          agentId={agent.id}
          ticket={() => withStepUp(() => execTicket(api, agent.id))}
          session={{
            get: () => sessions.get(agent.id),
            set: (id) => (id === undefined ? sessions.delete(agent.id) : sessions.set(agent.id, id)),
          }}
          readAloud={readAloud}
          onState={setState}
          onConnection={(made) => {
            connection.current = made
          }}
          onLeave={() => end.current?.focus()}
        />
      </div>
      <Text size="xs" c="dimmed">
        F6 leaves the terminal with the keyboard. When the line drops, or you look at another page, the shell
        goes on for five minutes and you come back to it here.
      </Text>
    </Stack>
  )
}

function words(state: TerminalState): string {
  switch (state.kind) {
    case 'connecting':
      return 'Opening…'
    case 'open':
      return 'Connected.'
    case 'waiting':
      return `${state.why} The shell goes on; connecting again in ${state.seconds} s.`
    case 'ended':
      return state.why === '' ? 'Not connected.' : state.why
  }
}
