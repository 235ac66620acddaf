import { Anchor, Button } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { DataTable } from '@nora/ui/data-table'
import { Page } from '@nora/ui/page'
import { EmptyState, QueryView } from '@nora/ui/query-view'
import { Time } from '@nora/ui/time'
import { useQuery } from '@tanstack/react-query'
import { Bot } from 'lucide-react'
import { Link } from 'react-router'
import { useWorkspace } from '../../session.tsx'

/** The agents of the workspace. */
export function AgentsPage() {
  const { api, key, to, can } = useWorkspace()
  const agents = useQuery({
    queryKey: key('agents'),
    queryFn: ({ signal }) => unwrap(api.GET('/api/agents', { signal })),
  })
  const deploy = can('agent:create') && (
    <Button component={Link} to={to('/agents/new')}>
      Deploy an agent
    </Button>
  )
  return (
    <Page title="Agents" actions={deploy}>
      <QueryView
        query={agents}
        isEmpty={({ items }) => items.length === 0}
        empty={
          <EmptyState title="No agents yet" icon={Bot} action={deploy}>
            An agent is a program in a container of its own, with only the keys you give it.
          </EmptyState>
        }
      >
        {({ items }) => (
          <DataTable
            label="Agents"
            rows={items}
            rowKey={({ id }) => id}
            columns={[
              {
                title: 'Name',
                cell: ({ id, name }) => (
                  <Anchor component={Link} to={to(`/agents/${id}`)}>
                    {name}
                  </Anchor>
                ),
              },
              { title: 'State', cell: ({ state, stateReason }) => `${state}: ${stateReason}` },
              { title: 'Created', cell: ({ createdAt }) => <Time at={createdAt} /> },
            ]}
          />
        )}
      </QueryView>
    </Page>
  )
}
