import { randomUUID } from 'node:crypto'
import { person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { expect, test } from 'vitest'
import { storeAgent } from '../secrets/testing/arrange.ts'
import { healthRounds } from './health.ts'

const database = testDatabase()

test('a gateway that does not answer keeps nobody from being asked, and fails the round', async () => {
  const alice = await person(database, 'alice')
  const [broken, whole] = [randomUUID(), randomUUID()]
  for (const [index, id] of [broken, whole].entries()) {
    await database.asSuperuser(`insert into nora.gateways (id, index, worker_id) values ($1, $2, 'w')`, [
      id,
      index,
    ])
  }
  const stored: string[] = []
  for (let n = 0; n < 24; n++) {
    const id = await storeAgent(database, alice, {})
    stored.push(id)
    await database.asSuperuser(
      `update nora.agents set state = 'running', container_ip = '10.0.0.3', gateway_id = $2,
         probe = '{"path": "/healthz", "timeoutMs": 1000, "expect": {}}' where id = $1`,
      [id, n < 12 ? broken : whole],
    )
  }
  await database.asSuperuser(`update nora.operations set status = 'succeeded'`)
  const asked: string[] = []
  const round = healthRounds({
    db: database.worker,
    workerId: 'w',
    onRequest: () => undefined,
    dataplane: {
      attach: () => Promise.reject(new Error('not asked for')),
      pushRoutes: () => Promise.reject(new Error('not asked for')),
      async probe(gatewayId, { agentId }) {
        asked.push(agentId)
        if (gatewayId === broken) throw new Error('the gateway does not answer')
        return { status: 200, body: '', ms: 1 }
      },
    },
  })
  await expect(round(new AbortController().signal)).rejects.toThrow('the gateway does not answer')
  expect(asked.sort()).toEqual(stored.sort())
})
