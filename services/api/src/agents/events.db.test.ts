import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { beforeAll, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
let ada: Client
beforeAll(async () => {
  ada = await api.signUp()
})

/** An agent with four events. */
async function makeAndStop(): Promise<{ id: string }> {
  const made = await ada.post('/api/agents', { name: 'a', runtime: 'image', image: 'team/agent:1' })
  expect(made.status, made.text).toBe(202)
  const { id, operation } = made.body
  await database.asSuperuser(`update nora.operations set status = 'succeeded' where id = $1`, [operation.id])
  await database.asSuperuser(
    `update nora.agents set state = 'running', desired_state = 'running' where id = $1`,
    [id],
  )
  await ada.post(`/api/agents/${id}/stop`)
  return made.body
}

test('events are read after a number', async () => {
  const agent = await makeAndStop()
  const all = (await ada.get(`/api/agents/${agent.id}/events`)).body.items
  expect(all.map((event: { seq: number }) => event.seq)).toEqual([1, 2, 3, 4])
  expect(all[2]).toMatchObject({ type: 'state.changed', data: { state: 'stopping' } })
  const page = (await ada.get(`/api/agents/${agent.id}/events?after=1&limit=1`)).body
  expect(page).toEqual({ items: [all[1]], nextCursor: '2' })
  expect((await ada.get(`/api/agents/${agent.id}/events?after=4`)).body).toEqual({
    items: [],
    nextCursor: null,
  })
})

test('the newest events are read below a number', async () => {
  const agent = await makeAndStop()
  const read = async (query: string) => (await ada.get(`/api/agents/${agent.id}/events?${query}`)).body
  const [first, second, third, fourth] = (await read('')).items
  const newest = Number.MAX_SAFE_INTEGER
  expect(await read(`before=${newest}&limit=2`)).toEqual({ items: [third, fourth], nextCursor: '3' })
  expect(await read('before=3&limit=2')).toEqual({ items: [first, second], nextCursor: null })
  expect(await read(`before=${newest}&after=3`)).toEqual({ items: [fourth], nextCursor: null })
})
