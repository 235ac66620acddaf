import { type Bench, median, percentile, type Row } from './bench.ts'
import { rawAgents } from './raw-agent.ts'
import { type BenchStack, benchStack, removeAgents, untilRunning } from './stack.ts'

/** One agent at a time, each with a new network, in turns with the same steps by hand. */
export const provisionCold: Bench = {
  name: 'provision-cold',
  about:
    'POST agents accepted -> running and healthy, against the same steps by raw dockerode: p50 <= 1.25x, p95 <= 1.5x',
  deadlineMs: 10 * 60_000,
  async run({ signal, say, quick, services }) {
    const it = await benchStack(services)
    // The first one assembles the image; it stays as the model.
    const { id: model } = await provision(it, 'model', signal)
    const raw = await rawAgents(it, model, services.defer)
    const runs = quick ? 4 : 20
    const ours: number[] = []
    const theirs: number[] = []
    for (let turn = 0; turn < runs; turn++) {
      const { id, ms } = await provision(it, `turn-${turn}`, signal)
      ours.push(ms)
      await removeAgents(it, [id], signal)
      const began = performance.now()
      await raw.bringUp(turn, signal)
      theirs.push(performance.now() - began)
      await raw.remove(turn)
      say(`${turn + 1} of ${runs}: ours ${ours.at(-1)?.toFixed(0)} ms, raw ${theirs.at(-1)?.toFixed(0)} ms`)
    }
    return [
      row('p50', median(ours), median(theirs), 1.25, runs),
      row('p95', percentile(0.95, ours), percentile(0.95, theirs), 1.5, runs),
    ]
  },
}

const row = (name: string, ours: number, yardstick: number, atMost: number, runs: number): Row => ({
  name: `one agent, ${name}`,
  ...{ unit: 'ms', ours, yardstick, ratio: ours / yardstick, goal: { atMost }, runs },
})

async function provision(
  it: BenchStack,
  name: string,
  signal: AbortSignal,
): Promise<{ id: string; ms: number }> {
  const id = await it.client.deploy({ name, runtime: 'starter', providerKeyIds: [it.keyId] })
  const accepted = performance.now()
  await untilRunning(it, [id], signal)
  return { id, ms: performance.now() - accepted }
}
