import { Anchor, Group, Stack, Text, Title } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { QueryView } from '@nora/ui/query-view'
import { useQuery } from '@tanstack/react-query'
import { Link } from 'react-router'
import { useWorkspace } from '../../../session.tsx'
import { Row } from '../logs/log-block.tsx'
import { rowsOf } from '../logs/log-feed.ts'
import classes from '../logs/logs.module.css'

const look = { times: true, query: '' }

/** The last lines that the agent printed. */
export function LastLines({ agentId }: { agentId: string }) {
  const { api, key, to } = useWorkspace()
  const lines = useQuery({
    queryKey: key('agent', agentId, 'last-lines'),
    staleTime: 5_000,
    queryFn: ({ signal }) =>
      unwrap(
        api.GET('/api/agents/{id}/logs', { params: { path: { id: agentId }, query: { limit: 8 } }, signal }),
      ),
  })
  return (
    <Stack gap="sm" component="section" aria-label="Last lines">
      <Group justify="space-between">
        <Title order={2}>Last lines</Title>
        <Anchor component={Link} to={to(`/agents/${agentId}/logs`)} size="sm">
          Follow the log
        </Anchor>
      </Group>
      <QueryView
        query={lines}
        rows={2}
        isEmpty={({ items }) => items.length === 0}
        empty={
          <Text size="sm" c="dimmed">
            It has printed nothing yet.
          </Text>
        }
      >
        {({ items }) => (
          <section
            className={`${classes['panel']} ${classes['short']} ${classes['wrapped']}`}
            aria-label="Last lines of the log"
            // biome-ignore lint/a11y/noNoninteractiveTabindex: who scrolls with the keys has to be able to come here
            tabIndex={0}
          >
            {rowsOf(items).map((row, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: the rows of one answer
              <Row key={at} row={row} look={look} />
            ))}
          </section>
        )}
      </QueryView>
    </Stack>
  )
}
