import type { ContainerStats as EngineStats } from 'dockerode'
import type { Usage } from '../backend.ts'
import { dial, type Engine } from './engine.ts'

const deadlineMs = 3_000
const query = { stream: false, 'one-shot': true }

/**
 * One reading of a container, without the engine's own wait for a second one. Engine 20.10 still reads once a second and no
 * sooner, so that most of a call is waiting. Undefined: the container does not run, or is gone.
 */
export async function readUsage(
  engine: Engine,
  containerId: string,
  signal: AbortSignal,
): Promise<Usage | undefined> {
  const stats = await engine.call(
    'reading what a container uses',
    signal,
    (abortSignal) =>
      dial<EngineStats>(engine, { path: `/containers/${containerId}/stats`, query }, abortSignal),
    { deadlineMs, ignore: [404] },
  )
  return stats && usageOf(stats)
}

/** What of the engine's answer may be missing: by the version of control groups, by what the container is attached to, by its end. */
type Given = {
  read: string
  cpu_stats: { cpu_usage: Pick<EngineStats['cpu_stats']['cpu_usage'], 'total_usage'> }
  memory_stats: {
    usage?: number
    limit?: number
    /** `total_inactive_file` is version 1 of control groups, where `inactive_file` leaves children out. */
    stats?: { total_inactive_file?: number; inactive_file?: number }
  }
  pids_stats?: { current?: number }
  networks?: Record<string, { rx_bytes: number; tx_bytes: number }>
}

/** The engine's answer in our words. Of a container that does not run it has no time and no memory. */
export function usageOf({ read, cpu_stats, memory_stats, pids_stats, networks }: Given): Usage | undefined {
  const { usage, limit, stats } = memory_stats
  const takenAt = Date.parse(read)
  if (usage === undefined || !(takenAt > 0)) return undefined
  const cache = stats?.total_inactive_file ?? stats?.inactive_file ?? 0
  const interfaces = Object.values(networks ?? {})
  return {
    takenAt,
    cpuNs: cpu_stats.cpu_usage.total_usage,
    memoryBytes: Math.max(0, usage - cache),
    memoryLimitBytes: limit ?? 0,
    networkRxBytes: interfaces.reduce((sum, one) => sum + one.rx_bytes, 0),
    networkTxBytes: interfaces.reduce((sum, one) => sum + one.tx_bytes, 0),
    pids: pids_stats?.current ?? 0,
  }
}
