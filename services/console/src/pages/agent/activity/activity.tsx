import { Button, Stack } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { EmptyState, LoadingRows } from '@nora/ui/query-view'
import { useInfiniteQuery } from '@tanstack/react-query'
import { History } from 'lucide-react'
import { usePeople } from '../../../names.ts'
import { useWorkspace } from '../../../session.tsx'
import type { Agent } from '../../agents/agent-actions.ts'
import { useCredentials } from '../use-names.ts'
import classes from './activity.module.css'
import { Entry } from './entry.tsx'
import { timelineOf } from './timeline.ts'

/** What was asked of the agent and what happened to it, newest first. */
export function ActivityTab({ agent }: { agent: Agent }) {
  const { api, key } = useWorkspace()
  const personOf = usePeople()
  const credentials = useCredentials()
  const path = { id: agent.id }
  const operations = useInfiniteQuery({
    queryKey: key('agent', agent.id, 'operations'),
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam: cursor, signal }) => {
      const query = { limit: 20, ...(cursor !== undefined && { cursor }) }
      return unwrap(api.GET('/api/agents/{id}/operations', { params: { path, query }, signal }))
    },
    getNextPageParam: ({ nextCursor }) => nextCursor ?? undefined,
  })
  const events = useInfiniteQuery({
    queryKey: key('agent', agent.id, 'events'),
    initialPageParam: Number.MAX_SAFE_INTEGER,
    queryFn: ({ pageParam: before, signal }) =>
      unwrap(api.GET('/api/agents/{id}/events', { params: { path, query: { before, limit: 100 } }, signal })),
    getNextPageParam: ({ nextCursor }) => (nextCursor === null ? undefined : Number(nextCursor)),
  })
  const error = operations.error ?? events.error
  const again = () => {
    void operations.refetch()
    void events.refetch()
  }
  if (!operations.data || !events.data)
    return error ? <ProblemAlert error={error} retry={again} /> : <LoadingRows />
  const entries = timelineOf(
    { items: operations.data.pages.flatMap(({ items }) => items), hasMore: operations.hasNextPage },
    { items: events.data.pages.flatMap(({ items }) => items), hasMore: events.hasNextPage },
  )
  const labels = new Map(credentials.data?.map(({ id, label }) => [id, label]))
  const names = { labelOf: (id: string) => labels.get(id) ?? 'a key that is not yours to see', personOf }
  const more = () => {
    if (operations.hasNextPage) void operations.fetchNextPage()
    if (events.hasNextPage) void events.fetchNextPage()
  }
  return (
    <Stack>
      {error && <ProblemAlert error={error} title="This may be out of date" retry={again} />}
      {entries.length === 0 && !operations.hasNextPage && !events.hasNextPage ? (
        <EmptyState title="Nothing has happened yet" icon={History}>
          Starts, stops, changes and crashes of this agent stand here.
        </EmptyState>
      ) : (
        <ol className={classes['list']} aria-label="What happened, newest first">
          {entries.map((entry) => (
            <Entry
              key={entry.kind === 'event' ? entry.event.seq : entry.operation.id}
              entry={entry}
              names={names}
            />
          ))}
        </ol>
      )}
      {(operations.hasNextPage || events.hasNextPage) && (
        <Button
          variant="default"
          w="fit-content"
          mx="auto"
          loading={operations.isFetchingNextPage || events.isFetchingNextPage}
          onClick={more}
        >
          Show more
        </Button>
      )}
    </Stack>
  )
}
