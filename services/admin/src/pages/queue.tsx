import { Badge, Button, Code, Group, Paper, SegmentedControl, SimpleGrid, Stack, Text } from '@mantine/core'
import type { Answered } from '@nora/client/api-types'
import { unwrap } from '@nora/client/client'
import { Confirm } from '@nora/ui/confirm'
import { DataTable } from '@nora/ui/data-table'
import { counted } from '@nora/ui/lib/words'
import { Page } from '@nora/ui/page'
import { EmptyState, QueryView } from '@nora/ui/query-view'
import { itemsOf, ShowMore } from '@nora/ui/show-more'
import { useWithStepUp } from '@nora/ui/step-up'
import { Time } from '@nora/ui/time'
import { failed, said } from '@nora/ui/toasts'
import { keepPreviousData, useInfiniteQuery, useQueryClient } from '@tanstack/react-query'
import { ListChecks } from 'lucide-react'
import { useState } from 'react'
import { useSearchParams } from 'react-router'
import { api } from '../api.ts'
import { howLong } from './how-long.ts'

type Queue = Answered<'/api/admin/queue', 'get'>
type Operation = Queue['items'][number]
const colors = { queued: 'gray.7', running: 'blue.8', failed: 'red.8' } as const
const words = { queued: 'Waits', running: 'Runs', failed: 'Failed' } as const

/** What is to be done, what is being done and what failed within a day; each with its reason. */
export function QueuePage() {
  const [search, setSearch] = useSearchParams()
  const asked = search.get('status')
  const status = asked === 'open' || asked === 'failed' ? asked : undefined
  const queue = useInfiniteQuery({
    queryKey: ['queue', { status }],
    queryFn: ({ signal, pageParam }) =>
      unwrap(
        api.call.GET('/api/admin/queue', {
          signal,
          params: { query: { ...(status && { status }), ...(pageParam && { cursor: pageParam }) } },
        }),
      ),
    initialPageParam: '',
    getNextPageParam: ({ nextCursor }) => nextCursor,
    placeholderData: keepPreviousData,
  })
  return (
    <Page
      title="Queue"
      description="Operations that wait or run, and those that failed in the last 24 hours. Each says why."
    >
      <SegmentedControl
        aria-label="Which operations"
        value={status ?? 'all'}
        onChange={(value) => setSearch(value === 'all' ? {} : { status: value }, { replace: true })}
        data={[
          { value: 'all', label: 'All' },
          { value: 'open', label: 'Open' },
          { value: 'failed', label: 'Failed' },
        ]}
        w="fit-content"
      />
      <QueryView query={queue}>
        {(data) => (
          <Stack>
            <Depth queue={data.pages[0]!} />
            {itemsOf(data).length === 0 ? (
              <EmptyState title="Nothing is waiting" icon={ListChecks}>
                Whatever was asked for has been done.
              </EmptyState>
            ) : (
              <Operations items={itemsOf(data)} />
            )}
            <ShowMore query={queue} />
          </Stack>
        )}
      </QueryView>
    </Page>
  )
}

/** How many of each kind, and how long the first of them has waited. */
function Depth({ queue: { depth, workers } }: { queue: Queue }) {
  return (
    <SimpleGrid cols={{ base: 2, md: 4 }}>
      <Paper withBorder p="md">
        <Text size="sm" c="dimmed">
          Workers
        </Text>
        <Text fw={650} c={workers === 0 ? 'var(--mantine-color-error)' : 'var(--mantine-color-text)'}>
          {workers === 0 ? 'none answers' : counted(workers, 'worker')}
        </Text>
      </Paper>
      {depth.map(({ status, kind, count, oldestSeconds }) => (
        <Paper withBorder p="md" key={`${status} ${kind}`}>
          <Text size="sm" c="dimmed">
            {words[status]}: {kind}
          </Text>
          <Text fw={650}>{count}</Text>
          <Text size="xs" c="dimmed">
            the oldest for <span className="nora-whole">{howLong(oldestSeconds)}</span>
          </Text>
        </Paper>
      ))}
    </SimpleGrid>
  )
}

function Operations({ items }: { items: Operation[] }) {
  const [cancelling, setCancelling] = useState<Operation>()
  const withStepUp = useWithStepUp()
  const queries = useQueryClient()
  const again = () => queries.invalidateQueries({ queryKey: ['queue'] })
  const retry = async ({ id }: Operation) => {
    try {
      await withStepUp(() =>
        unwrap(api.call.POST('/api/admin/queue/{id}/retry', { params: { path: { id } }, body: {} })),
      )
      said('It is tried again now.')
      await again()
    } catch (error) {
      failed(error, 'It could not be tried again')
    }
  }
  return (
    <>
      <DataTable
        label="Operations"
        rows={items}
        rowKey={({ id }) => id}
        columns={[
          {
            title: 'Operation',
            cell: ({ kind, agentId, providerKeyId }) => (
              <Stack gap={0}>
                <span>{kind}</span>
                <Text size="xs" c="dimmed" title={agentId ?? providerKeyId ?? ''}>
                  {agentId
                    ? `agent ${agentId.slice(0, 8)}`
                    : `credential ${(providerKeyId ?? '').slice(0, 8)}`}
                </Text>
              </Stack>
            ),
          },
          {
            title: 'Status',
            cell: ({ status }) => <Badge color={colors[status]}>{words[status]}</Badge>,
          },
          {
            title: 'Why',
            long: true,
            cell: ({ why, step, attempt }) => (
              <Stack gap={0}>
                <Text size="sm" className="nora-wrap">
                  {why}
                </Text>
                <Text size="xs" c="dimmed">
                  {step && (
                    <>
                      at <Code>{step}</Code>,{' '}
                    </>
                  )}
                  try {attempt}
                </Text>
              </Stack>
            ),
          },
          { title: 'Asked for', cell: ({ createdAt }) => <Time at={createdAt} /> },
          {
            title: '',
            cell: (operation) => (
              <Group gap="xs" wrap="nowrap" justify="flex-end">
                {operation.status !== 'running' && (
                  <Button size="compact-sm" variant="default" onClick={() => void retry(operation)}>
                    Try again
                  </Button>
                )}
                {operation.status !== 'failed' && operation.agentId && (
                  <Button size="compact-sm" variant="default" onClick={() => setCancelling(operation)}>
                    Cancel
                  </Button>
                )}
              </Group>
            ),
          },
        ]}
      />
      <Confirm
        opened={cancelling !== undefined}
        onClose={() => setCancelling(undefined)}
        title="Cancel this operation?"
        action="Cancel operation"
        onConfirm={async () => {
          const path = { id: cancelling?.id ?? '' }
          await withStepUp(() =>
            unwrap(api.call.POST('/api/admin/queue/{id}/cancel', { params: { path }, body: {} })),
          )
          said('It is cancelled.')
          await again()
        }}
      >
        {cancelling?.status === 'running'
          ? 'A worker has begun it and will undo what it did. The agent’s people see that it was cancelled.'
          : 'It has not begun. The agent’s people see that it was cancelled.'}
      </Confirm>
    </>
  )
}
