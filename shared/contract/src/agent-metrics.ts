import { type Static, Type } from 'typebox'
import { orNull, Time } from './wire.ts'

const Bytes = Type.Integer({ minimum: 0 })

/** What an agent used in one step of time. */
export const AgentSample = Type.Object(
  {
    ts: { ...Time, description: 'When the step begins' },
    cpuPercent: Type.Number({ description: '100 is one core; the average of the step' }),
    memoryBytes: {
      ...Bytes,
      description: 'Without what the kernel caches of files; the average of the step',
    },
    memoryLimitBytes: Bytes,
    networkRxBytes: { ...Bytes, description: 'Since the container was started; the last of the step' },
    networkTxBytes: Bytes,
    pids: Type.Integer({ minimum: 0, description: 'Processes and threads; the most of the step' }),
    diskBytes: orNull(Type.Integer({ description: 'Null: not measured' })),
    diskLimitBytes: orNull(Type.Integer()),
  },
  { $id: 'AgentSample', additionalProperties: false },
)
export type AgentSample = Static<typeof AgentSample>

export const AgentMetrics = Type.Object(
  {
    items: Type.Array(AgentSample),
    step: Type.Integer({ description: 'Seconds that an item stands for' }),
  },
  {
    $id: 'AgentMetrics',
    additionalProperties: false,
    description: 'In order of time. A step in which the agent was not sampled has no item.',
  },
)
export type AgentMetrics = Static<typeof AgentMetrics>

export const leastStep = 10
export const mostStep = 3600

export const MetricsQuery = Type.Object(
  {
    from: Type.Optional({
      ...Time,
      maxLength: 40,
      description: 'At this moment or later; at most 24 hours ago, an hour before `to` when left out',
    }),
    to: Type.Optional({ ...Time, maxLength: 40, description: 'Before this moment; now when left out' }),
    step: Type.Optional(
      Type.Integer({
        minimum: leastStep,
        maximum: mostStep,
        description: 'Seconds; the least that gives 360 items or fewer when left out. At most 1440 items.',
      }),
    ),
  },
  { additionalProperties: false },
)
export type MetricsQuery = Static<typeof MetricsQuery>
