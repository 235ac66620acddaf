import { Anchor, Button, Stack, Text } from '@mantine/core'
import { type Column, DataTable } from '@nora/ui/data-table'
import { printable } from '@nora/ui/lib/printable'
import { Page } from '@nora/ui/page'
import { EmptyState, QueryView } from '@nora/ui/query-view'
import { itemsOf, ShowMore } from '@nora/ui/show-more'
import { StateWithReason } from '@nora/ui/state-badge'
import { Time } from '@nora/ui/time'
import { Plus, SearchX } from 'lucide-react'
import { useState } from 'react'
import { Link } from 'react-router'
import { usePeople } from '../../names.ts'
import { useWorkspace } from '../../session.tsx'
import type { AgentSummary } from './agent-actions.ts'
import { AgentsFilter } from './agents-filter.tsx'
import { DeleteAgent } from './delete-agent.tsx'
import { FirstRun } from './first-run.tsx'
import { KeyList } from './key-list.tsx'
import { RowActions } from './row-actions.tsx'
import { useAgentFilter, useAgents } from './use-agents.ts'
import { useStoredKeys } from './use-stored-keys.ts'

/** The agents of the workspace, as they are now. */
export function AgentsPage() {
  const { to, can } = useWorkspace()
  const [filter, change] = useAgentFilter()
  const agents = useAgents(filter)
  const narrowed = filter.q !== undefined || filter.state !== undefined
  const items = agents.data ? itemsOf(agents.data) : []
  const none = agents.data !== undefined && items.length === 0 && !narrowed
  return (
    <Page
      title="Agents"
      actions={
        can('agent:create') &&
        !none && (
          <Button component={Link} to={to('/agents/new')} leftSection={<Plus size={16} aria-hidden />}>
            Deploy an agent
          </Button>
        )
      }
    >
      {!none && <AgentsFilter filter={filter} change={change} />}
      {!narrowed && items.length === 1 && can('agent:create') && <FirstRun first={items[0]} />}
      <QueryView
        query={agents}
        isEmpty={() => items.length === 0}
        empty={narrowed ? <NothingFits clear={() => change({ q: '', state: null })} /> : <NoAgents />}
      >
        {() => (
          <Stack>
            <AgentTable agents={items} />
            <ShowMore query={agents} />
          </Stack>
        )}
      </QueryView>
    </Page>
  )
}

function AgentTable({ agents }: { agents: AgentSummary[] }) {
  const { to, can } = useWorkspace()
  const nameOf = usePeople()
  const { versions } = useStoredKeys()
  const [leaving, setLeaving] = useState<AgentSummary>()
  const [asked, setAsked] = useState(false)
  const actions: Column<AgentSummary> = {
    title: '',
    width: '12%',
    align: 'right',
    cell: (agent) => (
      <RowActions
        agent={agent}
        onDelete={() => {
          setLeaving(agent)
          setAsked(true)
        }}
      />
    ),
  }
  return (
    <>
      <DataTable
        label="Agents"
        rows={agents}
        rowKey={({ id }) => id}
        columns={[
          {
            title: 'Name',
            width: '24%',
            cell: ({ id, name, runtime, image }) => (
              <Stack gap={2}>
                <Anchor component={Link} to={to(`/agents/${id}`)} fw={600} className="nora-wrap">
                  {printable(name)}
                </Anchor>
                <OneLine text={image ?? runtime} />
              </Stack>
            ),
          },
          {
            title: 'State',
            width: '32%',
            cell: ({ state, stateReason }) => <StateWithReason state={state} reason={stateReason} />,
          },
          {
            title: 'Keys',
            width: '18%',
            cell: (agent) => <KeyList agent={agent} versions={versions} />,
          },
          {
            title: 'Created',
            width: '14%',
            cell: ({ createdBy, createdAt }) => (
              <Stack gap={0}>
                <Text size="sm">
                  <Time at={createdAt} />
                </Text>
                <OneLine text={`by ${nameOf(createdBy)}`} />
              </Stack>
            ),
          },
          ...(can('agent:operate') ? [actions] : []),
        ]}
      />
      {leaving && <DeleteAgent agent={leaving} opened={asked} onClose={() => setAsked(false)} />}
    </>
  )
}

/** A text of somebody's that is shown whole where there is room, and to whoever points at it. */
function OneLine({ text }: { text: string }) {
  const shown = printable(text)
  return (
    <Text size="xs" c="dimmed" lineClamp={1} title={shown} style={{ wordBreak: 'break-all' }}>
      {shown}
    </Text>
  )
}

function NoAgents() {
  const { can } = useWorkspace()
  if (can('agent:create')) return <FirstRun />
  return (
    <EmptyState title="No agents yet">
      An agent is a program in a container of its own, with only the keys it is given. Editors of this
      workspace can deploy one.
    </EmptyState>
  )
}

function NothingFits({ clear }: { clear: () => void }) {
  return (
    <EmptyState
      title="No agent fits"
      icon={SearchX}
      action={
        <Button variant="default" onClick={clear}>
          Show all agents
        </Button>
      }
    >
      No agent of this workspace has that name and state.
    </EmptyState>
  )
}
