import { ActionIcon, Group, SegmentedControl, SimpleGrid, Stack, Title, Tooltip } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { bytes } from '@nora/ui/lib/words'
import { QueryView } from '@nora/ui/query-view'
import { useQuery } from '@tanstack/react-query'
import { RefreshCw } from 'lucide-react'
import { useState } from 'react'
import { useWorkspace } from '../../../session.tsx'
import type { Agent } from '../../agents/agent-actions.ts'
import { roundTop } from './chart.ts'
import { UsageChart } from './usage-chart.tsx'

const ranges = { '1': 'the last hour', '6': 'the last six hours', '24': 'the last day' } as const
type Hours = keyof typeof ranges

const percent = (value: number) => `${value >= 10 ? Math.round(value) : Number(value.toFixed(1))} %`

/** What the agent used: processor and memory over time. */
export function Usage({ agent }: { agent: Agent }) {
  const { api, key } = useWorkspace()
  const [hours, setHours] = useState<Hours>('1')
  const metrics = useQuery({
    queryKey: key('agent', agent.id, 'metrics', hours),
    staleTime: 10_000,
    queryFn: async ({ signal }) => {
      const to = Date.now()
      const from = to - Number(hours) * 3_600_000
      const query = { from: new Date(from).toISOString(), to: new Date(to).toISOString() }
      const params = { path: { id: agent.id }, query }
      return {
        ...(await unwrap(api.GET('/api/agents/{id}/metrics', { params, signal }))),
        range: { from, to, words: ranges[hours] },
      }
    },
  })
  return (
    <Stack gap="sm" component="section" aria-label="What it uses">
      <Group justify="space-between">
        <Title order={2}>What it uses</Title>
        <Group gap="xs">
          <SegmentedControl
            size="xs"
            aria-label="How far back"
            value={hours}
            onChange={(value) => setHours(value as Hours)}
            data={[
              { value: '1', label: '1 h' },
              { value: '6', label: '6 h' },
              { value: '24', label: '24 h' },
            ]}
          />
          <Tooltip label="Measure again">
            <ActionIcon
              variant="default"
              aria-label="Measure again"
              loading={metrics.isFetching}
              onClick={() => void metrics.refetch()}
            >
              <RefreshCw size={14} aria-hidden />
            </ActionIcon>
          </Tooltip>
        </Group>
      </Group>
      <QueryView query={metrics} rows={2}>
        {({ items, step, range }) => (
          <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md">
            <UsageChart
              title="Processor (100 % is one core)"
              {...{ items, step, range }}
              measure={({ cpuPercent }) => cpuPercent}
              top={(most) =>
                Math.min(Math.max(roundTop(most), 5), Math.max(agent.resources.cpus * 100, most))
              }
              say={percent}
            />
            <UsageChart
              title="Memory"
              {...{ items, step, range }}
              measure={({ memoryBytes }) => memoryBytes}
              top={(most) => Math.max(most, agent.resources.memoryMb * 1024 * 1024)}
              say={bytes}
            />
          </SimpleGrid>
        )}
      </QueryView>
    </Stack>
  )
}
