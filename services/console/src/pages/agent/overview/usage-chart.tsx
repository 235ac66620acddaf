import { Group, Paper, Stack, Text, Title } from '@mantine/core'
import type { AgentSample } from '@nora/contract/agent-metrics'
import { areaPath, linePath, seriesOf } from './chart.ts'
import classes from './usage-chart.module.css'

type UsageChartProps = {
  title: string
  items: readonly AgentSample[]
  step: number
  /** The time that the picture covers, in milliseconds since 1970, and in words ("the last hour"). */
  range: { from: number; to: number; words: string }
  measure: (sample: AgentSample) => number
  /** The value at the upper edge. */
  top: (most: number) => number
  say: (value: number) => string
}

const width = 600
const height = 96

/** One measure over time as a picture, with what it says in words for whoever does not see it. */
export function UsageChart({ title, items, step, range, measure, top, say }: UsageChartProps) {
  const series = seriesOf(items, step, measure)
  const frame = { ...range, top: top(series.most), width, height }
  const facts =
    series.now === undefined
      ? `Nothing was measured in ${range.words}.`
      : `Last ${say(series.now)}, average ${say(series.average)}, at most ${say(series.most)} in ${range.words}.`
  return (
    <Paper withBorder p="md" radius="md" component="figure" m={0}>
      <Stack gap="xs">
        <Group justify="space-between" align="baseline">
          <Title order={3} size="h5">
            {title}
          </Title>
          <Text size="xs" c="dimmed">
            up to {say(frame.top)}
          </Text>
        </Group>
        <svg
          className={classes['picture']}
          viewBox={`0 0 ${width} ${height}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={`${title}. ${facts}`}
        >
          <line className={classes['edge']} x1={0} x2={width} y1={0} y2={0} />
          <line className={classes['edge']} x1={0} x2={width} y1={height} y2={height} />
          {series.stretches.map((points) => (
            <g key={points[0]?.at}>
              <path className={classes['area']} d={areaPath(points, frame)} />
              <path className={classes['line']} d={linePath(points, frame)} />
            </g>
          ))}
        </svg>
        <Text size="xs" c="dimmed" component="figcaption">
          {facts}
        </Text>
      </Stack>
    </Paper>
  )
}
