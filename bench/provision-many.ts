import type { Bench } from './bench.ts'
import { median } from './bench.ts'
import { rawAgents } from './raw-agent.ts'
import { benchStack, removeAgents, untilRunning } from './stack.ts'

/** Creates that the engine of a two-core machine does best side by side. */
const knee = 2

/** Many agents at once, in turns with the same steps by hand at the engine's best concurrency. */
export const provisionMany: Bench = {
  name: 'provision-many',
  about:
    '40 agents asked for at once until all are healthy, against raw dockerode two at a time: wall <= 1.2x',
  deadlineMs: 20 * 60_000,
  async run({ signal, say, quick, services }) {
    const it = await benchStack(services, { settings: { MAX_AGENTS: '200' } })
    const body = { runtime: 'starter', providerKeyIds: [it.keyId] }
    const model = await it.client.deploy({ name: 'model', ...body })
    await untilRunning(it, [model], signal)
    const raw = await rawAgents(it, model, services.defer)
    const agents = quick ? 8 : 40
    const runs = quick ? 1 : 3
    const numbers = Array.from({ length: agents }, (_, number) => number)
    const ours: number[] = []
    const theirs: number[] = []
    for (let turn = 0; turn < runs; turn++) {
      const began = performance.now()
      const ids = await Promise.all(
        numbers.map((number) => it.client.deploy({ name: `${turn}-${number}`, ...body })),
      )
      await untilRunning(it, ids, signal)
      ours.push(performance.now() - began)
      await removeAgents(it, ids, signal)
      const rawBegan = performance.now()
      await eachAtOnce(numbers, knee, (number) => raw.bringUp(number, signal))
      theirs.push(performance.now() - rawBegan)
      await eachAtOnce(numbers, knee, (number) => raw.remove(number))
      say(`${turn + 1} of ${runs}: ours ${ours.at(-1)?.toFixed(0)} ms, raw ${theirs.at(-1)?.toFixed(0)} ms`)
    }
    const [mine, yardstick] = [median(ours), median(theirs)]
    return [
      {
        name: `${agents} agents at once`,
        ...{ unit: 'ms', ours: mine, yardstick, ratio: mine / yardstick, goal: { atMost: 1.2 }, runs },
      },
    ]
  },
}

async function eachAtOnce<T>(items: readonly T[], limit: number, run: (item: T) => Promise<void>) {
  const left = [...items]
  const work = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await run(item)
  }
  await Promise.all(Array.from({ length: limit }, work))
}
