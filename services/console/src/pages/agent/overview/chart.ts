import type { AgentSample } from '@nora/contract/agent-metrics'

export type Point = { at: number; value: number }
export type Series = {
  /** Stretches without a hole: in a step without a sample nothing is known. */
  stretches: Point[][]
  now: number | undefined
  average: number
  most: number
  count: number
}

/** One measure of samples, over time. `step` is how many seconds a sample stands for. */
export function seriesOf(
  items: readonly AgentSample[],
  step: number,
  measure: (sample: AgentSample) => number,
): Series {
  const stretches: Point[][] = []
  let sum = 0
  let most = 0
  let last: Point | undefined
  for (const item of items) {
    const point = { at: Date.parse(item.ts), value: measure(item) }
    if (last && point.at - last.at < 2.5 * step * 1000) stretches.at(-1)?.push(point)
    else stretches.push([point])
    last = point
    sum += point.value
    most = Math.max(most, point.value)
  }
  const average = items.length === 0 ? 0 : sum / items.length
  return { stretches, now: last?.value, average, most, count: items.length }
}

export type Frame = { from: number; to: number; top: number; width: number; height: number }

/** The line of one stretch in a picture, as an SVG path; a lone point is a short dash. */
export function linePath(points: readonly Point[], frame: Frame): string {
  const placed = points.map((point) => `${x(point.at, frame)},${y(point.value, frame)}`)
  const [only] = points
  if (points.length === 1 && only) return `M${placed[0]} h2`
  return `M${placed.join(' L')}`
}

/** What is below that line. */
export function areaPath(points: readonly Point[], frame: Frame): string {
  const [first] = points
  const last = points.at(-1)
  if (!first || !last || points.length === 1) return ''
  return `${linePath(points, frame)} L${x(last.at, frame)},${frame.height} L${x(first.at, frame)},${frame.height} Z`
}

const round = (value: number) => Math.round(value * 10) / 10
const x = (at: number, { from, to, width }: Frame) => round(((at - from) / (to - from)) * width)
const y = (value: number, { top, height }: Frame) => round(height - (Math.min(value, top) / top) * height)

/** A number above all of these that reads well: 1, 2 or 5 times a power of ten. */
export function roundTop(most: number): number {
  if (most <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(most))
  return [1, 2, 5, 10].map((step) => step * power).find((top) => top >= most) ?? 10 * power
}
