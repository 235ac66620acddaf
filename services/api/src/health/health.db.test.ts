import { randomBytes } from 'node:crypto'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { expect, test } from 'vitest'
import { startApi, testApi } from '../testing/test-api.ts'

const database = testDatabase()
const redis = testRedis()
const api = testApi(database, redis)

/** One that is alive stays so, however slow the machine is: it was seen in an hour from now. */
const alive = '-1 hour'
const worker = (id: string, kid8: Buffer, age = alive) =>
  database.worker
    .insertInto('workers')
    .values({ id, kid8, key_version: 1, internal_url: 'http://127.0.0.1:1' })
    .execute()
    .then(() =>
      database.asSuperuser(`update nora.workers set last_seen_at = now() - $2::interval where id = $1`, [
        id,
        age,
      ]),
    )
const missing = (parts: string[] | undefined) =>
  waitUntil(`readyz to miss ${parts}`, async () => {
    const { status, body } = await api.anonymous.get('/api/readyz')
    if (parts === undefined) return status === 200 && body.status === 'ready'
    return (
      status === 503 && body.code === 'unavailable' && JSON.stringify(body.missing) === JSON.stringify(parts)
    )
  })

test('healthz needs nothing', async () => {
  const answer = await api.anonymous.get('/api/healthz')
  expect([answer.status, answer.body]).toEqual([200, { status: 'ok' }])
})

test('readyz says by which word whoever started this api knows it, and without one nothing', async () => {
  const named = await startApi(database, redis, { config: { instance: 'the-word-of-this-start' } })
  try {
    const answer = await named.anonymous.get('/api/readyz')
    expect([answer.status, answer.headers.get('x-nora-instance')]).toEqual([503, 'the-word-of-this-start'])
  } finally {
    await named.close()
  }
  expect((await api.anonymous.get('/api/readyz')).headers.has('x-nora-instance')).toBe(false)
})

test('readyz waits for a live worker that opens what we seal, and says no more than which part is missing', async () => {
  await missing(['worker'])
  await worker('gone', api.deps.sealKey.kid8, '16 seconds')
  await missing(['worker'])
  await worker('stranger', randomBytes(8))
  await missing(['worker-key'])
  const refused = await api.anonymous.get('/api/readyz')
  expect(Object.keys(refused.body).sort()).toEqual([
    'code',
    'correlationId',
    'missing',
    'status',
    'title',
    'type',
  ])
  await worker('ours', api.deps.sealKey.kid8)
  await missing(undefined)
})

test('a worker that comes back is seen soon: what is missing is not remembered for long', async () => {
  const aged = (age: string) =>
    database.asSuperuser(`update nora.workers set last_seen_at = now() - $1::interval where id = 'ours'`, [
      age,
    ])
  // The best of ten: a busy machine may be late, a remembered answer always is.
  let best = Number.POSITIVE_INFINITY
  for (let turn = 0; turn < 10 && best >= 600; turn++) {
    await aged('16 seconds')
    await missing(['worker-key'])
    await aged(alive)
    const back = performance.now()
    await missing(undefined)
    best = Math.min(best, performance.now() - back)
  }
  expect(best).toBeLessThan(600)
})

test('while keys are exchanged, a worker that still opens what we seal is enough; half of another id is not', async () => {
  await database.asSuperuser(`delete from nora.workers`)
  const { kid8 } = api.deps.sealKey
  const [before, after] = [randomBytes(4), randomBytes(4)]
  await worker('newer', randomBytes(8))
  const opens = (keys: Buffer) =>
    database.asSuperuser(`update nora.workers set opens = $1 where id = 'newer'`, [keys])
  await opens(Buffer.concat([randomBytes(8), before, kid8, after]))
  await missing(['worker-key'])
  await opens(Buffer.concat([randomBytes(8), kid8]))
  await missing(undefined)
})
