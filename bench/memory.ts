import { setTimeout as delay } from 'node:timers/promises'
import { assembleTinyImage } from '../services/worker/src/images/tiny.ts'
import { type Bench, type BenchContext, median, type Row } from './bench.ts'
import { residentMb } from './proc.ts'
import { type BenchStack, benchStack } from './stack.ts'

const processes = ['api', 'worker', 'gateway'] as const
const calmMs = 15_000
const samples = 10

/** Resident memory of each process: idle, and of the worker with more and more logs followed. */
export const memory: Bench = {
  name: 'memory',
  about: 'resident memory: idle <= 120 MB a process; the worker grows by <= 15 MB per 100 agents followed',
  deadlineMs: 15 * 60_000,
  async run(context) {
    const { signal, services, quick } = context
    // Started twice: what is compiled at the first start of a version is not at the others.
    const first = await benchStack(services)
    await first.close()
    const it = await benchStack(services, { settings: { MAX_AGENTS: '200' } })
    const rows: Row[] = []
    const idle = await calm(it, signal)
    for (const name of processes) {
      const goal = { of: 'ours', atMost: 120 } as const
      rows.push({ name: `${name}, idle`, unit: 'MB', ours: idle[name], goal, runs: samples })
    }
    const sizes = quick ? [0, 10] : [0, 30, 60, 100]
    const { reference } = await assembleTinyImage(it.docker, {
      name: 'quiet',
      cmd: ['/bin/sh', '-c', 'echo up; exec sleep 86400'],
    })
    const seen: { agents: number; mb: number }[] = []
    for (const agents of sizes) {
      await deployUpTo(it, context, reference, seen.at(-1)?.agents ?? 0, agents)
      // Anew at each size: what it took to bring them up is not what it takes to follow them.
      await it.killWorker()
      await it.startWorker()
      const { worker } = await calm(it, signal)
      seen.push({ agents, mb: worker })
      rows.push({
        name: 'worker',
        unit: 'MB',
        ours: worker,
        size: `${agents} agents followed`,
        runs: samples,
      })
    }
    const goal = { of: 'ours', atMost: 15 } as const
    rows.push({ name: 'worker, per 100 agents followed', unit: 'MB', ours: slope(seen) * 100, goal, runs: 1 })
    return rows
  },
}

async function deployUpTo(it: BenchStack, context: BenchContext, image: string, from: number, to: number) {
  for (let at = from; at < to; at += 10) {
    const ids: string[] = []
    for (let one = at; one < Math.min(to, at + 10); one++) {
      const resources = { cpus: 0.05, memoryMb: 16, diskMb: 1, pids: 8 }
      ids.push(await it.client.deploy({ name: `quiet-${one}`, runtime: 'image', image, resources }))
    }
    for (const id of ids) await it.client.until(id, 'running', 120_000)
    context.say(`${Math.min(to, at + 10)} agents run`)
    context.signal.throwIfAborted()
  }
}

/** Medians after a while without work. */
async function calm(
  it: BenchStack,
  signal: AbortSignal,
): Promise<Record<(typeof processes)[number], number>> {
  await delay(calmMs, undefined, { signal })
  const pids = await it.pids()
  const taken = { api: [] as number[], worker: [] as number[], gateway: [] as number[] }
  for (let sample = 0; sample < samples; sample++) {
    for (const name of processes) taken[name].push(await residentMb(pids[name]))
    await delay(500, undefined, { signal })
  }
  return { api: median(taken.api), worker: median(taken.worker), gateway: median(taken.gateway) }
}

/** MB an agent, by least squares. */
function slope(points: readonly { agents: number; mb: number }[]): number {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const x = mean(points.map((point) => point.agents))
  const y = mean(points.map((point) => point.mb))
  const above = points.reduce((sum, point) => sum + (point.agents - x) * (point.mb - y), 0)
  return above / points.reduce((sum, point) => sum + (point.agents - x) ** 2, 0)
}
