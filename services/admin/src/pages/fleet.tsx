import { Anchor, Group, Select, Stack, Text } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { DataTable } from '@nora/ui/data-table'
import { bytes } from '@nora/ui/lib/words'
import { Page } from '@nora/ui/page'
import { EmptyState, QueryView } from '@nora/ui/query-view'
import { itemsOf, ShowMore } from '@nora/ui/show-more'
import { StateWithReason, shownStates, stateWord } from '@nora/ui/state-badge'
import { Time } from '@nora/ui/time'
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { Bot } from 'lucide-react'
import { Link, useSearchParams } from 'react-router'
import { api } from '../api.ts'

const megabyte = 1024 * 1024

/** Every agent of the server: where it stands and what it takes. */
export function FleetPage() {
  const [search, setSearch] = useSearchParams()
  const state = shownStates.find((one) => one === search.get('state'))
  const agents = useInfiniteQuery({
    queryKey: ['agents', { state }],
    queryFn: ({ signal, pageParam }) =>
      unwrap(
        api.call.GET('/api/admin/agents', {
          signal,
          params: { query: { ...(state && { state }), ...(pageParam && { cursor: pageParam }) } },
        }),
      ),
    initialPageParam: '',
    getNextPageParam: ({ nextCursor }) => nextCursor,
    placeholderData: keepPreviousData,
  })
  return (
    <Page
      title="Agents"
      description="Of all workspaces. What an agent knows, prints or was told stays with its people."
    >
      <Group>
        <Select
          label="State"
          data={[
            { value: '', label: 'Every state' },
            ...shownStates.map((value) => ({ value, label: stateWord(value) })),
          ]}
          value={state ?? ''}
          onChange={(value) => setSearch(value ? { state: value } : {}, { replace: true })}
          allowDeselect={false}
          w={200}
        />
      </Group>
      <QueryView
        query={agents}
        isEmpty={(data) => itemsOf(data).length === 0}
        empty={
          <EmptyState title={state ? 'None in this state' : 'No agents yet'} icon={Bot}>
            {state ? 'Choose another state to see the others.' : 'People deploy agents in the console.'}
          </EmptyState>
        }
      >
        {(data) => (
          <>
            <DataTable
              label="Agents"
              rows={itemsOf(data)}
              rowKey={({ id }) => id}
              columns={[
                {
                  title: 'Agent',
                  cell: ({ name, runtime }) => (
                    <Stack gap={0}>
                      <span className="nora-wrap">{name}</span>
                      <Text size="xs" c="dimmed">
                        {runtime}
                      </Text>
                    </Stack>
                  ),
                },
                {
                  title: 'State',
                  cell: ({ state: now, why }) => <StateWithReason state={now} reason={why ?? ''} />,
                },
                {
                  title: 'Owner',
                  cell: ({ owner, workspace }) => (
                    <Stack gap={0} miw="9rem">
                      <Anchor component={Link} to={`/users/${owner.id}`} size="sm" className="nora-wrap">
                        {owner.email}
                      </Anchor>
                      <Text size="xs" c="dimmed" className="nora-wrap">
                        {workspace.name}
                      </Text>
                    </Stack>
                  ),
                },
                {
                  title: 'Takes',
                  cell: ({ resources: { cpus, memoryMb, diskMb } }) => (
                    <Stack gap={0} className="nora-whole">
                      <span>
                        {cpus} CPU, {bytes(memoryMb * megabyte)}
                      </span>
                      <Text size="xs" c="dimmed">
                        disk {bytes(diskMb * megabyte)}
                      </Text>
                    </Stack>
                  ),
                },
                { title: 'Since', cell: ({ stateSince }) => <Time at={stateSince} />, wideOnly: true },
              ]}
            />
            <ShowMore query={agents} />
          </>
        )}
      </QueryView>
    </Page>
  )
}
