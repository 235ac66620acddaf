import { agentStates } from '@nora/contract/agents'
import { leaseOperation } from '@nora/db/leases'
import { ownMs } from '@nora/testing/own-time'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { beforeAll, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { testApi } from '../testing/test-api.ts'

// Stop and delete are always accepted: whatever the agent is, whatever works on it, and whether anybody hears the bell.

const database = testDatabase()
const redis = testRedis()
const api = testApi(database, redis, {
  config: {
    limits: { vcpu: 999, ramMb: 999_999, diskGb: 9_999, agents: 999 },
    redisPatience: undefined,
  },
})
let ada: Client
beforeAll(async () => {
  ada = await api.signUp()
})

const opens = ['none', 'pending', 'backing off', 'leased', 'leased by the dead', 'being cancelled'] as const

/** An agent in a state, with an operation that is open in one of these ways. */
async function make(state: string, desired: string, open: (typeof opens)[number]): Promise<string> {
  const made = await ada.post('/api/agents', { name: 'a', runtime: 'image', image: 'team/agent:1' })
  expect(made.status, made.text).toBe(202)
  const operationId: string = made.body.operation.id
  const set = (values: string) =>
    database.asSuperuser(`update nora.operations set ${values} where id = $1`, [operationId])
  if (open === 'none') await set(`status = 'succeeded', finished_at = now()`)
  if (open === 'backing off')
    await set(`not_before = now() + interval '1 hour', attempt = 3, started_at = now()`)
  if (open.startsWith('leased') || open === 'being cancelled') {
    await leaseOperation(database.worker, operationId, 'w1', 60_000)
    await set(`step = 'start'`)
  }
  if (open === 'leased by the dead') await set(`lease_until = now() - interval '1 s'`)
  if (open === 'being cancelled') await set('cancel_requested_at = now()')
  await database.asSuperuser('update nora.agents set state = $2, desired_state = $3 where id = $1', [
    made.body.id,
    state,
    desired,
  ])
  return made.body.id
}

const desiredOf = (state: string) =>
  state === 'deleting' ? 'deleted' : state === 'stopped' || state === 'stopping' ? 'stopped' : 'running'
const ask = (agentId: string, kind: 'stop' | 'delete') =>
  kind === 'stop' ? ada.post(`/api/agents/${agentId}/stop`) : ada.delete(`/api/agents/${agentId}`)

async function accepted(agentId: string, kind: 'stop' | 'delete', at: string): Promise<void> {
  const before = await database.asSuperuser<{ desired_state: string }>(
    'select desired_state from nora.agents where id = $1',
    [agentId],
  )
  const answer = await ask(agentId, kind)
  expect(answer.status, `${at}: ${answer.text}`).toBe(202)
  const [row] = await database.asSuperuser<{ desired_state: string }>(
    'select desired_state from nora.agents where id = $1',
    [agentId],
  )
  // Being deleted includes being stopped.
  const wanted = kind === 'delete' || before[0]!.desired_state === 'deleted' ? 'deleted' : 'stopped'
  expect(row!.desired_state, at).toBe(wanted)
  // Whatever was open ends before it, by a cancel, or is the same wish.
  const uncancelled = await database.asSuperuser<{ kind: string }>(
    `select kind from nora.operations where agent_id = $1 and status in ('pending', 'leased') and cancel_requested_at is null`,
    [agentId],
  )
  if (before[0]!.desired_state !== 'deleted') expect(uncancelled, at).toEqual([{ kind }])
}

test.each(['stop', 'delete'] as const)(
  '%s, in every state, with every kind of open operation',
  async (kind) => {
    for (const state of agentStates) {
      for (const open of opens) {
        await accepted(await make(state, desiredOf(state), open), kind, `${kind}, ${state}, ${open}`)
      }
    }
  },
)

test.each(['stop', 'delete'] as const)('%s while Redis is away', async (kind) => {
  const agentId = await make('running', 'running', 'leased')
  await redis.server.stop()
  try {
    expect(await ownMs(() => accepted(agentId, kind, 'without Redis'))).toBeLessThan(5_000)
  } finally {
    await redis.restart()
  }
})
