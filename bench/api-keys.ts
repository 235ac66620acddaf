import { apiUnderTest } from './api-under-test.ts'
import type { Bench } from './bench.ts'
import { insertKey, insertStoppedAgents } from './known-agents.ts'
import { measureRoute, yardstickServer } from './measure-route.ts'

const keys = 5

export const apiKeys: Bench = {
  name: 'api-keys',
  about: 'GET /api/llm-providers, 5 rows, against one plain query on the same Fastify',
  deadlineMs: 240_000,
  async run(context) {
    const { services, signal } = context
    const database = await services.database()
    const api = await apiUnderTest(services, database, signal)
    for (let n = 1; n <= keys; n++) {
      await insertStoppedAgents(database, api, 2, await insertKey(database, api, `key ${n}`))
    }
    const yardstick = await yardstickServer(context, database, api.workspaceId)
    const found = await measureRoute(context, api, yardstick, {
      ours: '/api/llm-providers',
      yardstick: '/keys',
    })
    return [{ name: 'GET llm-providers, 5 rows', ...found, goal: { atLeast: 0.6 }, cpuRatioGoal: 1.6 }]
  },
}
