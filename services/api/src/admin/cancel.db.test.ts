import { leaseOperation } from '@nora/db/leases'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { beforeAll, expect, test } from 'vitest'
import { claimAsAdmin } from '../testing/admin.ts'
import type { Client } from '../testing/client.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
let admin: Client
let ada: Client

beforeAll(async () => {
  ;({ admin } = await claimAsAdmin(api))
  ada = await api.signUp()
})

/** A stopped agent of Ada's, whose reason ends with what its program printed. */
async function stopped(): Promise<string> {
  const made = await ada.post('/api/agents', { name: 'a', runtime: 'starter' })
  expect(made.status, made.text).toBe(202)
  await database.asSuperuser(
    `update nora.operations set status = 'succeeded', finished_at = now() where agent_id = $1`,
    [made.body.id],
  )
  await database.asSuperuser(
    `update nora.agents set state = 'stopped', desired_state = 'stopped', state_reason = 'stopped: last line' where id = $1`,
    [made.body.id],
  )
  return made.body.id
}
const ask = async (id: string, verb: string) =>
  (await ada.post(`/api/agents/${id}/${verb}`)).body.operation.id as string
const cancel = (id: string) => admin.post(`/api/admin/queue/${id}/cancel`, {})
const agentNow = async (id: string) => (await ada.get(`/api/agents/${id}`)).body

test('what no worker has begun is over at once, and the agent should be what it should have been before', async () => {
  const id = await stopped()
  const start = await ask(id, 'start')
  expect(await agentNow(id)).toMatchObject({ desiredState: 'running', state: 'queued' })
  const answer = await cancel(start)
  expect([answer.status, answer.body]).toEqual([202, { operationId: start }])
  expect(await agentNow(id)).toMatchObject({
    ...{ desiredState: 'stopped', state: 'stopped', stateReason: 'stopped: last line' },
    operation: { id: start, status: 'cancelled' },
  })
  // In the workspace's own audit and timeline, as the admin's doing.
  const events = await database.asSuperuser(
    `select event_type, actor_id from nora.audit_log where correlation_id = $1 order by seq`,
    [answer.headers.get('x-correlation-id')],
  )
  expect(events.map((row) => [row['event_type'], row['actor_id']])).toEqual([
    ['ADMIN_CANCEL', admin.user!.id],
    ['OPERATION_CANCELLED', admin.user!.id],
  ])
  const types = (await ada.get(`/api/agents/${id}/events?limit=200`)).body.items.map(
    (one: { type: string }) => one.type,
  )
  expect(types.slice(-2)).toEqual(['operation.cancelled', 'state.changed'])
  expect((await cancel(start)).body).toMatchObject({ code: 'operation-finished', status: 409 })
})

test('what a worker has begun is undone by it', async () => {
  const id = await stopped()
  const start = await ask(id, 'start')
  await leaseOperation(database.worker, start, 'w1', 60_000)
  expect((await cancel(start)).status).toBe(202)
  expect(await agentNow(id)).toMatchObject({
    desiredState: 'stopped',
    stateReason: 'cancelling start: waiting for the worker that has it',
  })
  const [row] = await database.asSuperuser(
    'select status, cancel_requested_at is not null as asked from nora.operations where id = $1',
    [start],
  )
  expect(row).toEqual({ status: 'leased', asked: true })
})

test('a delete that has begun is nobody’s to take back, an admin’s neither', async () => {
  const id = await stopped()
  const removal = (await ada.delete(`/api/agents/${id}`)).body.operation.id
  await leaseOperation(database.worker, removal, 'w1', 60_000)
  expect((await cancel(removal)).body.code).toBe('agent-busy')
  expect(await agentNow(id)).toMatchObject({ desiredState: 'deleted' })
})

test('a stop that had cut a start short is followed by a look', async () => {
  const id = await stopped()
  await ask(id, 'start')
  const stop = await ask(id, 'stop')
  expect((await cancel(stop)).status).toBe(202)
  expect(await agentNow(id)).toMatchObject({
    desiredState: 'running',
    operation: { kind: 'reconcile', status: 'queued' },
  })
})

test('the test of a key is not cancelled, what there is not is not found, and all of it asks for a step-up', async () => {
  const key = await ada.post('/api/llm-providers', {
    provider: 'openai',
    label: 'k',
    secret: { apiKey: 'not-a-key' },
  })
  const tried = await ada.post(`/api/llm-providers/${key.body.id}/test`)
  expect(tried.status, tried.text).toBe(202)
  const [operation] = await database.asSuperuser('select id from nora.operations where credential_id = $1', [
    key.body.id,
  ])
  expect((await cancel(operation!['id'])).body.code).toBe('not-cancellable')
  expect((await cancel('00000000-0000-4000-8000-000000000000')).body.code).toBe('not-found')
  await database.asSuperuser('update nora.admin_sessions set stepped_up_until = null')
  for (const verb of ['cancel', 'retry']) {
    expect((await admin.post(`/api/admin/queue/${operation!['id']}/${verb}`, {})).body.code).toBe(
      'step-up-required',
    )
  }
})
