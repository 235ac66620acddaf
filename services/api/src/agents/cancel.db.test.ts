import { leaseOperation, releaseOperation } from '@nora/db/leases'
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

/** An agent that runs and holds a key. */
async function make(): Promise<{ id: string; keyId: string }> {
  const key = await ada.post('/api/llm-providers', {
    provider: 'openai',
    label: 'k',
    secret: { apiKey: 'not-a-real-key' },
  })
  const keyId: string = key.body.id
  const made = await ada.post('/api/agents', { name: 'a', runtime: 'starter', providerKeyIds: [keyId] })
  expect(made.status, made.text).toBe(202)
  const { id, operation } = made.body
  await database.asSuperuser(
    `update nora.operations set status = 'succeeded', finished_at = now() where id = $1`,
    [operation.id],
  )
  await stands(id, 'running')
  return { id, keyId }
}
const stands = (id: string, state: 'running' | 'stopped') =>
  database.asSuperuser(
    `update nora.agents set state = $2, state_reason = 'set by the test', desired_state = $2 where id = $1`,
    [id, state],
  )
const lease = async (id: string) => (await leaseOperation(database.worker, id, 'w1', 60_000))!
/** Begins an operation and gives it back, as a worker does whose engine was away for a moment. */
async function tryOnce(id: string): Promise<void> {
  await releaseOperation(database.worker, (await lease(id)).actor, 60_000, 'trying again')
}
const ask = async (id: string, verb: string, body?: unknown) =>
  (await ada.post(`/api/agents/${id}/${verb}`, body)).body.operation
const cancel = (id: string, operationId: string) =>
  ada.post(`/api/agents/${id}/operations/${operationId}/cancel`)
const agentNow = async (id: string) => (await ada.get(`/api/agents/${id}`)).body
const openKinds = async (id: string) =>
  (
    await database.asSuperuser<{ kind: string }>(
      `select kind from nora.operations where agent_id = $1 and status in ('pending', 'leased') order by seq`,
      [id],
    )
  ).map(({ kind }) => kind)

describe('an operation that has begun and waits for its next try', () => {
  test('is undone by a worker, since it has left things behind', async () => {
    const { id } = await make()
    await stands(id, 'stopped')
    const start = await ask(id, 'start')
    await tryOnce(start.id)
    const answer = await cancel(id, start.id)
    expect(answer.body).toMatchObject({ status: 'queued', cancelRequestedAt: expect.any(String) })
    expect(await agentNow(id)).toMatchObject({
      desiredState: 'stopped',
      stateReason: 'cancelling start: waiting for the worker that has it',
    })
    expect((await lease(start.id)).cancelRequested).toBe(true)
  })

  test('a delete is not taken back then either', async () => {
    const { id } = await make()
    const removal = (await ada.delete(`/api/agents/${id}`)).body.operation
    await tryOnce(removal.id)
    expect((await cancel(id, removal.id)).body.code).toBe('agent-busy')
    expect(await agentNow(id)).toMatchObject({ desiredState: 'deleted' })
  })
})

describe('a key that was taken back is taken out of the agent whatever is cancelled', () => {
  const forceDelete = (keyId: string) => ada.delete(`/api/llm-providers/${keyId}?force=true`)

  test('the sync that does it cannot be cancelled, one that only delivers can', async () => {
    const { id, keyId } = await make()
    const delivery = await ask(id, 'sync-keys')
    expect((await cancel(id, delivery.id)).body.status).toBe('cancelled')
    await stands(id, 'running')
    const [byDelete] = (await forceDelete(keyId)).body.detachedFrom
    expect((await cancel(id, byDelete.operationId)).body.code).toBe('agent-busy')
    const other = await make()
    const sync = await ask(other.id, 'sync-keys', { providerKeyIds: [] })
    expect((await cancel(other.id, sync.id)).body.code).toBe('agent-busy')
    const third = await make()
    const change = (await ada.patch(`/api/agents/${third.id}`, { providerKeyIds: [] })).body.operation
    expect((await cancel(third.id, change.id)).body.code).toBe('agent-busy')
  })

  test('a stop that took its place and is cancelled', async () => {
    const { id, keyId } = await make()
    await forceDelete(keyId)
    const stop = await ask(id, 'stop')
    expect(await openKinds(id)).toEqual(['stop'])
    await cancel(id, stop.id)
    expect(await openKinds(id)).toEqual(['sync-keys'])
    expect((await agentNow(id)).desiredState).toBe('running')
  })

  test('the same when a worker has the stop already', async () => {
    const { id, keyId } = await make()
    await forceDelete(keyId)
    const stop = await ask(id, 'stop')
    await lease(stop.id)
    await cancel(id, stop.id)
    expect(await openKinds(id)).toEqual(['stop', 'sync-keys'])
  })

  test('a stop that was there before', async () => {
    const { id, keyId } = await make()
    const stop = await ask(id, 'stop')
    await forceDelete(keyId)
    expect((await cancel(id, stop.id)).body.status).toBe('cancelled')
    expect((await agentNow(id)).desiredState).toBe('running')
    expect(await openKinds(id)).toEqual(['sync-keys'])
  })

  test('a start that is cancelled while the sync waits behind it is cancelled all the same', async () => {
    const { id, keyId } = await make()
    await stands(id, 'stopped')
    const start = await ask(id, 'start')
    await forceDelete(keyId)
    await cancel(id, start.id)
    expect((await agentNow(id)).desiredState).toBe('stopped')
    expect(await openKinds(id)).toEqual(['sync-keys'])
  })
})
