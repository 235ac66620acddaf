import { apiUnderTest } from './api-under-test.ts'
import type { Bench, Row } from './bench.ts'
import { insertKey, insertStoppedAgents } from './known-agents.ts'
import { measureRoute, yardstickServer } from './measure-route.ts'

const sizes = [50, 5_000, 100_000]

export const apiList: Bench = {
  name: 'api-list',
  about: 'GET /api/agents, 50 rows with keys and operations, against one plain query on the same Fastify',
  deadlineMs: 300_000,
  async run(context) {
    const { services, signal, say } = context
    const database = await services.database()
    const api = await apiUnderTest(services, database, signal)
    const yardstick = await yardstickServer(context, database, api.workspaceId)
    const key = await insertKey(database, api, 'a key')
    const rows: Row[] = []
    let known = 0
    for (const size of sizes) {
      await insertStoppedAgents(database, api, size - known, key)
      known = size
      const found = await measureRoute(context, api, yardstick, { ours: '/api/agents', yardstick: '/agents' })
      say(`${size} agents: ${found.ours.toFixed(0)} req/s, ${found.ratio?.toFixed(2)}x`)
      rows.push({
        name: 'GET agents, 50 rows',
        size: `${size} agents`,
        ...found,
        goal: { atLeast: 0.6 },
        cpuRatioGoal: 0.9,
      })
    }
    const [smallest, largest] = [rows[0]!, rows.at(-1)!]
    // By their ratios: the machine drifts between the sizes, and the yardstick with it.
    rows.push({
      name: 'GET agents, slope: ratio at 100000 agents by that at 50',
      unit: 'x',
      ours: (largest.ratio ?? 0) / (smallest.ratio ?? 1),
      goal: { of: 'ours', atLeast: 0.85 },
      runs: smallest.runs,
    })
    return rows
  },
}
