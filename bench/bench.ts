import type { BenchServices } from './services.ts'

/** One line of a result. `ours` and `yardstick` are medians of `runs` turns, taken alternately in one run. */
export type Row = {
  /** What was measured, e.g. `GET agents, 50 rows`. */
  name: string
  /** Of `ours` and `yardstick`: `req/s`, `ms`, `MB`, `MB/s`, `ms CPU`. */
  unit: string
  ours: number
  /** The raw primitive or the peer, in the same unit. */
  yardstick?: number
  /** ours / yardstick. */
  ratio?: number
  /** What is asked of `ratio`, or of `ours`. */
  goal?: Goal
  /** CPU milliseconds of the measured process for one unit of work, and those of the yardstick in the same run. */
  cpuMs?: number
  yardstickCpuMs?: number
  /** How many times the yardstick's CPU a unit may take (docs/adr/0017-cpu-goals.md). */
  cpuRatioGoal?: number
  /** What was asked of `cpuMs` itself in runs that were recorded before that. */
  cpuGoal?: number
  runs: number
  /** For what depends on a size, e.g. `100000 agents`; a row named `... slope` says how cost grows. */
  size?: string
  note?: string
}

export type Goal = { of?: 'ratio' | 'ours'; atLeast?: number; atMost?: number }

export type BenchContext = {
  /** Aborts at the bench's deadline. */
  signal: AbortSignal
  say(line: string): void
  /** Fewer turns, for trying the bench itself; such a run is not recorded. */
  quick: boolean
  services: BenchServices
}

export type Bench = {
  name: string
  /** One sentence: the thing, its yardstick, the goal. */
  about: string
  deadlineMs: number
  run(context: BenchContext): Promise<Row[]>
}

/** The value below which `p` (0 to 1) of the values lie, by linear interpolation; NaN without values. */
export function percentile(p: number, values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const place = (sorted.length - 1) * p
  const below = sorted[Math.floor(place)] ?? Number.NaN
  const above = sorted[Math.ceil(place)] ?? Number.NaN
  return below + (above - below) * (place - Math.floor(place))
}

export const median = (values: readonly number[]): number => percentile(0.5, values)

/** A unit's CPU by that of the yardstick; undefined where one of them was not measured. */
export const cpuRatio = ({ cpuMs, yardstickCpuMs }: Row): number | undefined =>
  cpuMs === undefined || yardstickCpuMs === undefined ? undefined : cpuMs / yardstickCpuMs

/** Whether it has goals at all. */
export const hasGoal = (row: Row): boolean =>
  row.goal !== undefined || row.cpuGoal !== undefined || row.cpuRatioGoal !== undefined

/** Whether every goal of the row is met; a row without one asks nothing. */
export function isMet(row: Row): boolean {
  const within = (value = Number.POSITIVE_INFINITY, most = value) => value <= most
  const cpu = within(row.cpuMs, row.cpuGoal) && within(cpuRatio(row), row.cpuRatioGoal)
  if (!row.goal) return cpu
  const value = row.goal.of === 'ours' ? row.ours : (row.ratio ?? Number.NaN)
  const { atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY } = row.goal
  return cpu && value >= atLeast && value <= atMost
}
