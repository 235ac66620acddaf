import { Button, Group, Loader, Text } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { counted } from '@nora/ui/lib/words'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useWorkspace } from '../../../session.tsx'
import { Row } from './log-block.tsx'
import { rowsOf } from './log-feed.ts'
import classes from './logs.module.css'

type LogSearchProps = {
  agentId: string
  query: string
  times: boolean
  wrap: boolean
  onSee: (seq: number) => void
  onClose: () => void
}

/** The lines of everything that is kept which hold a text; the newest first asked for, shown in order. */
export function LogSearch({ agentId, query, times, wrap, onSee, onClose }: LogSearchProps) {
  const { api, key } = useWorkspace()
  const search = useInfiniteQuery({
    queryKey: key('log-search', agentId, query),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    initialPageParam: undefined as number | undefined,
    queryFn: ({ pageParam: before, signal }) => {
      const asked = { q: query, limit: 200, ...(before !== undefined && { before }) }
      return unwrap(
        api.GET('/api/agents/{id}/logs', { params: { path: { id: agentId }, query: asked }, signal }),
      )
    },
    getNextPageParam: ({ nextCursor }) => (nextCursor === null ? undefined : Number(nextCursor)),
  })
  const pages = [...(search.data?.pages ?? [])].reverse()
  const rows = pages.flatMap(({ items }) => rowsOf(items)).filter((row) => row.kind === 'line')
  const further = search.hasNextPage && (
    <button type="button" disabled={search.isFetchingNextPage} onClick={() => void search.fetchNextPage()}>
      {search.isFetchingNextPage ? 'Searching…' : 'Search older lines'}
    </button>
  )
  return (
    <>
      <Group justify="space-between">
        <Text size="sm" role="status">
          {search.isPending
            ? 'Searching everything that is kept…'
            : `${counted(rows.length, 'line')} with “${query}”${search.hasNextPage ? ' so far' : ' in everything that is kept'}.`}
        </Text>
        <Button size="xs" variant="default" onClick={onClose}>
          Back to the live log
        </Button>
      </Group>
      {search.error && <ProblemAlert error={search.error} retry={() => void search.refetch()} />}
      <section
        className={`${classes['panel']} ${wrap ? classes['wrapped'] : ''}`}
        aria-label={`Lines with ${query}`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: who scrolls with the keys has to be able to come here
        tabIndex={0}
      >
        <div className={classes['inner']}>
          <div className={classes['edge']}>
            {search.isPending ? <Loader size="xs" color="gray" /> : further || 'That is all.'}
          </div>
          {rows.map((row) => (
            <Row key={row.kind === 'line' ? row.seq : ''} row={row} look={{ times, query }} onSee={onSee} />
          ))}
        </div>
      </section>
    </>
  )
}
