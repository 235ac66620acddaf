import { leaseOperation } from '@nora/db/leases'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
let ada: Client
beforeAll(async () => {
  ada = await api.signUp()
})

async function make(state = 'running', desired = 'running'): Promise<{ id: string }> {
  const made = await ada.post('/api/agents', { name: 'a', runtime: 'image', image: 'team/agent:1' })
  expect(made.status, made.text).toBe(202)
  await finish(made.body.operation.id)
  await database.asSuperuser(
    `update nora.agents set state = $2, state_reason = 'healthy', desired_state = $3, observed_generation = 1 where id = $1`,
    [made.body.id, state, desired],
  )
  return made.body
}
const finish = (operationId: string) =>
  database.asSuperuser(`update nora.operations set status = 'succeeded', finished_at = now() where id = $1`, [
    operationId,
  ])
const lease = (operationId: string) => leaseOperation(database.worker, operationId, 'w1', 60_000)
const post = (id: string, verb: string, body?: unknown) => ada.post(`/api/agents/${id}/${verb}`, body)
const operation = async (id: string, opId: string) =>
  (await ada.get(`/api/agents/${id}/operations/${opId}`)).body

describe('start, restart, redeploy', () => {
  test('a stopped agent waits for a worker; a running one stays true until the worker comes', async () => {
    const stopped = await make('stopped', 'stopped')
    const started = await post(stopped.id, 'start')
    expect(started.status).toBe(202)
    expect(started.body).toMatchObject({
      state: 'queued',
      stateReason: 'start requested: waiting for a worker',
      desiredState: 'running',
      operation: { kind: 'start', status: 'queued' },
    })
    expect(started.headers.get('location')).toBe(
      `/api/agents/${stopped.id}/operations/${started.body.operation.id}`,
    )
    const running = await make()
    expect((await post(running.id, 'restart')).body).toMatchObject({
      state: 'running',
      stateReason: 'restart requested: waiting for a worker',
      generation: 1,
    })
  })

  test('a redeploy is a new generation', async () => {
    const agent = await make()
    expect((await post(agent.id, 'redeploy')).body).toMatchObject({ generation: 2, observedGeneration: 1 })
  })

  test('one at a time: the second hears which operation is open, however many ask at once', async () => {
    const agent = await make()
    const answers = await Promise.all(
      ['start', 'restart', 'redeploy', 'sync-keys', 'start'].map((verb) => post(agent.id, verb)),
    )
    const accepted = answers.filter((answer) => answer.status === 202)
    expect(accepted).toHaveLength(1)
    const { id, kind } = accepted[0]!.body.operation
    for (const answer of answers.filter((one) => one.status !== 202)) {
      expect(answer.body).toMatchObject({
        status: 409,
        code: 'agent-busy',
        operation: { id, kind, status: 'queued' },
      })
    }
    expect((await ada.patch(`/api/agents/${agent.id}`, { env: { A: '1' } })).body.code).toBe('agent-busy')
    expect((await ada.patch(`/api/agents/${agent.id}`, { name: 'any time' })).body.name).toBe('any time')
  })
})

describe('stop and delete are always accepted', () => {
  test('they cancel what waits, and ask whoever works to stop, and queue behind', async () => {
    const agent = await make()
    const restart = (await post(agent.id, 'restart')).body.operation
    await lease(restart.id)
    const stopped = await post(agent.id, 'stop')
    expect(stopped.status).toBe(202)
    expect(stopped.body).toMatchObject({
      state: 'stopping',
      stateReason: 'stop requested: waiting for the open operation to end',
      desiredState: 'stopped',
      operation: { kind: 'stop', status: 'queued' },
    })
    const asked = await operation(agent.id, restart.id)
    expect([asked.status, asked.cancelRequestedAt]).toEqual(['running', expect.any(String)])
    const removed = await ada.delete(`/api/agents/${agent.id}?keepData=true`)
    expect(removed.body).toMatchObject({
      state: 'deleting',
      desiredState: 'deleted',
      operation: { kind: 'delete' },
    })
    expect(await operation(agent.id, stopped.body.operation.id)).toMatchObject({
      status: 'cancelled',
      reason: 'cancelled for a delete',
    })
    const [row] = await database.asSuperuser('select keep_data from nora.agents where id = $1', [agent.id])
    expect(row).toEqual({ keep_data: true })
  })

  test('asking twice is asking once, and nothing revives what is being deleted', async () => {
    const agent = await make()
    const [one, two] = [await post(agent.id, 'stop'), await post(agent.id, 'stop')]
    expect(two.body.operation.id).toBe(one.body.operation.id)
    const gone = await ada.delete(`/api/agents/${agent.id}`)
    const again = await ada.delete(`/api/agents/${agent.id}`)
    expect(again.body.operation.id).toBe(gone.body.operation.id)
    const stop = await post(agent.id, 'stop')
    expect([stop.status, stop.body.desiredState, stop.body.operation.kind]).toEqual([
      202,
      'deleted',
      'delete',
    ])
    for (const verb of ['start', 'restart', 'redeploy', 'sync-keys']) {
      expect((await post(agent.id, verb)).body.code).toBe('agent-busy')
    }
  })
})

describe('cancel', () => {
  test('before a worker has it, everything is as it was', async () => {
    const agent = await make()
    const restart = (await post(agent.id, 'stop')).body.operation
    const answer = await ada.post(`/api/agents/${agent.id}/operations/${restart.id}/cancel`)
    expect(answer.status).toBe(202)
    expect(answer.body).toMatchObject({ status: 'cancelled', finishedAt: expect.any(String) })
    expect((await ada.get(`/api/agents/${agent.id}`)).body).toMatchObject({
      state: 'running',
      stateReason: 'healthy',
      desiredState: 'running',
    })
    const again = await ada.post(`/api/agents/${agent.id}/operations/${restart.id}/cancel`)
    expect([again.status, again.body.code]).toEqual([409, 'operation-finished'])
  })

  test('a provisioning that is cancelled leaves a stopped agent that can be started', async () => {
    const made = (await ada.post('/api/agents', { name: 'a', runtime: 'starter' })).body
    await ada.post(`/api/agents/${made.id}/operations/${made.operation.id}/cancel`)
    expect((await ada.get(`/api/agents/${made.id}`)).body).toMatchObject({
      state: 'stopped',
      desiredState: 'stopped',
      stateReason: expect.stringMatching(/cancelled/),
    })
    expect((await post(made.id, 'start')).status).toBe(202)
  })

  test('while a worker has it, the worker is asked, and the reason says so', async () => {
    const made = (await ada.post('/api/agents', { name: 'a', runtime: 'starter' })).body
    await lease(made.operation.id)
    const answer = await ada.post(`/api/agents/${made.id}/operations/${made.operation.id}/cancel`)
    expect(answer.body).toMatchObject({ status: 'running', cancelRequestedAt: expect.any(String) })
    expect((await ada.get(`/api/agents/${made.id}`)).body).toMatchObject({
      stateReason: 'cancelling provision: waiting for the worker that has it',
      desiredState: 'stopped',
    })
  })

  test('a stop that had cut a restart short: only a worker can say how things stand', async () => {
    const agent = await make()
    await lease((await post(agent.id, 'restart')).body.operation.id)
    const stop = (await post(agent.id, 'stop')).body.operation
    await ada.post(`/api/agents/${agent.id}/operations/${stop.id}/cancel`)
    expect((await ada.get(`/api/agents/${agent.id}`)).body).toMatchObject({
      desiredState: 'running',
      stateReason: 'stop was cancelled: waiting for a worker to look',
      operation: { kind: 'reconcile', status: 'queued' },
    })
  })

  test('a delete that has begun is not taken back', async () => {
    const agent = await make()
    const { operation: removal } = (await ada.delete(`/api/agents/${agent.id}`)).body
    await lease(removal.id)
    const answer = await ada.post(`/api/agents/${agent.id}/operations/${removal.id}/cancel`)
    expect([answer.status, answer.body.code]).toEqual([409, 'agent-busy'])
  })
})

describe('change', () => {
  test('a new spec is a new generation, once per change that is one', async () => {
    const agent = await make()
    const changed = await ada.patch(`/api/agents/${agent.id}`, { env: { A: '1' }, resources: { cpus: 0.75 } })
    expect(changed.status, changed.text).toBe(200)
    expect(changed.body).toMatchObject({
      generation: 2,
      observedGeneration: 1,
      env: { A: '1' },
      state: 'running',
    })
    expect(changed.body.resources.cpus).toBe(0.75)
    const same = await ada.patch(`/api/agents/${agent.id}`, { env: { A: '1' }, name: 'new name' })
    expect(same.body).toMatchObject({ generation: 2, name: 'new name' })
    const cleared = await ada.patch(`/api/agents/${agent.id}`, { command: ['a'], port: 1 })
    expect(cleared.body).toMatchObject({ generation: 3, command: ['a'], port: 1 })
    expect((await ada.patch(`/api/agents/${agent.id}`, { command: null, port: null })).body).toMatchObject({
      generation: 4,
      command: null,
      port: null,
    })
    expect((await ada.patch(`/api/agents/${agent.id}`, {})).status).toBe(400)
    expect((await ada.patch(`/api/agents/${agent.id}`, { runtime: 'starter' })).status).toBe(400)
    expect((await ada.patch(`/api/agents/${agent.id}`, { resources: { cpus: 5 } })).body.code).toBe(
      'quota-exceeded',
    )
    expect(
      (await ada.patch(`/api/agents/${agent.id}`, { env: { A: `ghp_${'a'.repeat(36)}` } })).body.code,
    ).toBe('secret-in-env')
  })
})

test('operations are listed newest first', async () => {
  const agent = await make()
  const stop = (await post(agent.id, 'stop')).body.operation
  await finish(stop.id)
  const start = (await post(agent.id, 'start')).body.operation
  const all = (await ada.get(`/api/agents/${agent.id}/operations`)).body
  expect(all.items.map((item: { kind: string }) => item.kind)).toEqual(['start', 'stop', 'provision'])
  expect(all.items[0]).toMatchObject({
    id: start.id,
    agentId: agent.id,
    requestedBy: ada.user?.id,
    status: 'queued',
  })
  const page = (await ada.get(`/api/agents/${agent.id}/operations?limit=1`)).body
  const rest = (await ada.get(`/api/agents/${agent.id}/operations?limit=5&cursor=${page.nextCursor}`)).body
  expect(rest.items.map((item: { kind: string }) => item.kind)).toEqual(['stop', 'provision'])
})
