import { readFile } from 'node:fs/promises'
import type { World } from '../world/world.ts'

export const sampled = ['api', 'worker', 'gateway'] as const
type Sample = { share: number; mb: Record<(typeof sampled)[number], number> }

/** Resident MB (2^20) of the three; undefined while one of them is away. */
export async function sampleMemory(world: World, share: number): Promise<Sample | undefined> {
  try {
    const gateway = await world.docker.getContainer(`${world.prefix}-gateway-0`).inspect()
    // Behind the container's init.
    const children = await readFile(`/proc/${gateway.State.Pid}/task/${gateway.State.Pid}/children`, 'utf8')
    const mb = {
      api: await residentMb(world.parts.pid('api')),
      worker: await residentMb(world.parts.pid('worker')),
      gateway: await residentMb(Number(children.trim().split(' ')[0])),
    }
    return { share, mb }
  } catch {
    return undefined // it is being started again
  }
}

async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024
}

/** What may be more in the last quarter than in the second: Node's heap breathes by some megabytes. */
const mayGrowMb = 12
const mayGrowShare = 0.1

/**
 * Compares the medians of the second and the last quarter (`share` runs from 0 to 1 over the time in which these three
 * are not killed). Gives lines to print and what is wrong.
 */
export function judgeMemory(samples: Sample[]): { lines: string[]; problems: string[] } {
  const lines: string[] = []
  const problems: string[] = []
  for (const name of sampled) {
    const of = (from: number, to: number) =>
      median(samples.filter(({ share }) => share >= from && share < to).map(({ mb }) => mb[name]))
    const [second, last] = [of(0.25, 0.5), of(0.75, 1.01)]
    const allowed = second + Math.max(mayGrowMb, second * mayGrowShare)
    lines.push(`${name}: ${second.toFixed(1)} MB in the second quarter, ${last.toFixed(1)} MB in the last`)
    // Also when there is no sample at all: NaN is not flat.
    if (!(last <= allowed)) problems.push(`the memory of the ${name} is not flat: ${lines.at(-1)}`)
  }
  return { lines, problems }
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
