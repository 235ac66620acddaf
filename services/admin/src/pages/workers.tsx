import { Badge, Stack, Text } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { DataTable } from '@nora/ui/data-table'
import { counted } from '@nora/ui/lib/words'
import { Page } from '@nora/ui/page'
import { EmptyState, QueryView } from '@nora/ui/query-view'
import { Time } from '@nora/ui/time'
import { useQuery } from '@tanstack/react-query'
import { ServerOff } from 'lucide-react'
import { api } from '../api.ts'

/** The processes that make agents run. */
export function WorkersPage() {
  const workers = useQuery({
    queryKey: ['workers'],
    queryFn: ({ signal }) =>
      unwrap(api.call.GET('/api/admin/workers', { params: { query: { limit: 200 } }, signal })),
  })
  return (
    <Page
      title="Workers"
      description="They alone hold the engine and the encryption keys. Without one, nothing that is asked for is done."
    >
      <QueryView
        query={workers}
        rows={2}
        isEmpty={({ items }) => items.length === 0}
        empty={
          <EmptyState title="No worker has reported" icon={ServerOff}>
            Start it with <code>./setup.sh</code>, and look at <code>./setup.sh --doctor</code> if it does not
            stay.
          </EmptyState>
        }
      >
        {({ items }) => (
          <DataTable
            label="Workers"
            rows={items}
            rowKey={({ id }) => id}
            columns={[
              {
                title: 'Worker',
                cell: ({ id, version }) => (
                  <Stack gap={0}>
                    <span className="nora-wrap">{id}</span>
                    <Text size="xs" c="dimmed">
                      {version ? `version ${version}` : 'does not say its version'}
                    </Text>
                  </Stack>
                ),
              },
              {
                title: 'Health',
                cell: ({ health }) =>
                  health === 'live' ? (
                    <Badge color="teal.9">Live</Badge>
                  ) : (
                    <Badge color="red.8">Silent</Badge>
                  ),
              },
              { title: 'Last heard of', cell: ({ lastSeenAt }) => <Time at={lastSeenAt} /> },
              { title: 'Started', cell: ({ startedAt }) => <Time at={startedAt} />, wideOnly: true },
              {
                title: 'Busy with',
                cell: ({ operations, logs, gateways }) =>
                  `${counted(operations, 'operation')}, ${counted(logs, 'log')}, ${counted(gateways, 'gateway')}`,
              },
              { title: 'Key version', cell: ({ keyVersion }) => keyVersion },
            ]}
          />
        )}
      </QueryView>
    </Page>
  )
}
