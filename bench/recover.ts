import { setTimeout as delay } from 'node:timers/promises'
import { type Bench, median } from './bench.ts'
import { type BenchStack, benchStack, removeAgents, untilRunning } from './stack.ts'

/** Where the worker dies, one after another. */
const steps = [
  'ensure-network',
  'ensure-storage',
  'deliver-keys',
  'ensure-container',
  'start',
  'await-healthy',
]
/** The supervisor's first wait before it starts again what ended. */
const restartMs = 200

/** The worker killed in the middle of a provisioning and started again under its name. */
export const recover: Bench = {
  name: 'recover',
  about: 'kill -9 of the worker mid-provision, until its agent is healthy: <= 10 s, ten times in a row',
  deadlineMs: 10 * 60_000,
  async run({ signal, say, quick, services }) {
    const it = await benchStack(services)
    const runs = quick ? 3 : 10
    const took: number[] = []
    for (let turn = 0; turn < runs; turn++) {
      const step = steps[turn % steps.length]!
      const id = await it.client.deploy({
        ...{ name: `turn-${turn}`, runtime: 'starter', providerKeyIds: [it.keyId] },
      })
      await untilStep(it, id, step, signal)
      await it.killWorker()
      const killed = performance.now()
      await delay(restartMs, undefined, { signal })
      await it.startWorker()
      await untilRunning(it, [id], signal)
      took.push(performance.now() - killed)
      await removeAgents(it, [id], signal)
      say(`${turn + 1} of ${runs}: killed at ${step}, healthy after ${took.at(-1)?.toFixed(0)} ms`)
    }
    const goal = { of: 'ours', atMost: 10_000 } as const
    return [
      { name: 'kill -9 to healthy, the slowest', unit: 'ms', ours: Math.max(...took), goal, runs },
      { name: 'kill -9 to healthy, median', unit: 'ms', ours: median(took), runs },
    ]
  },
}

/** Until the operation is at this step or has passed it. */
async function untilStep(it: BenchStack, agentId: string, step: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const rows = await it.database.asSuperuser(
      `select 1 from nora.events where agent_id = $1 and type = 'step.started' and data->>'step' = $2`,
      [agentId, step],
    )
    if (rows.length > 0) return
    await delay(2, undefined, { signal })
  }
}
