import { randomUUID } from 'node:crypto'
import { request } from 'node:http'
import { ownMs } from '@nora/testing/own-time'
import { person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { expect, test } from 'vitest'
import { numberedLines, viewBench } from './testing/view-bench.ts'

const database = testDatabase()
const redis = testRedis()
const bench = viewBench(database, redis)

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)
const all = (watcher: { seqs: () => number[] }, last: number) =>
  waitUntil(`line ${last}`, () => watcher.seqs().at(-1) === last)

test('answers health, and nothing else', async () => {
  const health = await fetch(`${bench.server.url}/internal/healthz`)
  expect([health.status, await health.json()]).toEqual([200, { status: 'ok', workerId: 'test' }])
  for (const path of ['/', '/internal', '/internal/logs', '/internal/healthz/x']) {
    expect((await fetch(`${bench.server.url}${path}`)).status).toBe(404)
  }
  expect((await fetch(`${bench.server.url}/internal/healthz`, { method: 'POST' })).status).toBe(404)
  const status = await new Promise((resolve) => {
    const headers = { connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' }
    const asked = request(`${bench.server.url}/internal/metrics`, {
      headers: { ...headers, 'sec-websocket-key': 'x' },
    })
    asked.once('response', (response) => resolve(response.statusCode))
    asked.end()
  })
  expect(status).toBe(404)
})

test('health tells no secret in an error’s words, and a fault of its own is a code and an id', async () => {
  const ask = async () => {
    const answer = await fetch(`${bench.server.url}/internal/healthz`)
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }
  const before = bench.health
  try {
    bench.health = () => ({
      loops: [{ lastError: 'postgres://nora_worker:canary@127.0.0.1/nora refused sk-canary0123456789' }],
    })
    const told = await ask()
    expect(told.status).toBe(200)
    expect(JSON.stringify(told.body)).not.toContain('canary')
    bench.health = () => {
      throw new Error('a canary of a fault')
    }
    const fault = await ask()
    expect(fault.status).toBe(500)
    expect(fault.body).toEqual({ code: 'internal', correlationId: expect.stringMatching(/^[0-9a-f-]{36}$/) })
  } finally {
    bench.health = before
  }
  expect((await ask()).status).toBe(200)
})

test('a capability must be for this worker, for logs, for this agent and for the stream’s own', async () => {
  const agentId = await bench.agent()
  const other = await bench.agent()
  const past = Math.floor(Date.now() / 1000) - 60
  const wrong = [
    { aud: 'gateway' as const },
    { op: 'exec' },
    { iat: past, exp: past + 30 },
    { agent: other },
    { workspace: randomUUID() },
  ]
  const began = performance.now()
  for (const claims of wrong) expect(await (await bench.watch(agentId, '', claims)).closed).toBe(4401)
  expect(await (await bench.watch(agentId, '', { stream: randomUUID() })).closed).toBe(4403)
  const text = `select details from nora.audit_log where event_type = 'CAPABILITY_REFUSED'`
  const reports = await waitUntil('a report', async () => (await database.asSuperuser(text)).length)
  expect(reports, 'one in ten seconds').toBeLessThanOrEqual(1 + (performance.now() - began) / 10_000)
})

test('somebody who is no member sees nothing, with a stream of their own', async () => {
  const agentId = await bench.agent()
  const stream = await bench.stream(agentId, await person(database, 'mallory'))
  const watcher = await bench.watch(agentId, '', { stream })
  expect(await watcher.closed).toBe(4403)
  expect(watcher.frames).toEqual([])
})

test('begins with the last 200 lines and the state, and goes on live', async () => {
  const agentId = await bench.agent()
  await bench.store(agentId, numberedLines(1, 150))
  await bench.store(agentId, numberedLines(151, 400))
  const watcher = await bench.watch(agentId)
  await all(watcher, 400)
  expect(watcher.frames[0]).toEqual({ type: 'state', state: 'running', reason: 'healthy' })
  expect(watcher.seqs()).toEqual(range(201, 400))
  // By the bell, not by the look each second: what comes right after a look would wait for the next one, every time.
  const took: number[] = []
  for (let at = 401; at < 407; at++) {
    const before = performance.now()
    await bench.store(agentId, numberedLines(at, at))
    await all(watcher, at)
    took.push(performance.now() - before)
  }
  expect(Math.min(...took.slice(1))).toBeLessThan(500)
  expect(watcher.seqs()).toEqual(range(201, 406))
  expect(Math.max(...watcher.frames.map((frame) => frame.lines?.length ?? 0))).toBe(50)
})

test('resumes after a number: no line missing, none twice, while new ones come', async () => {
  const agentId = await bench.agent()
  await bench.store(agentId, numberedLines(1, 100))
  const first = await bench.watch(agentId, '?after=0')
  let stored = 100
  const writing = (async () => {
    for (; stored < 3000; stored += 20) await bench.store(agentId, numberedLines(stored + 1, stored + 20))
  })()
  await waitUntil('some lines', () => first.seqs().length > 300)
  first.ws.terminate()
  await first.closed
  const last = first.seqs().at(-1)!
  const second = await bench.watch(agentId, `?after=${last}`)
  await writing
  await all(second, 3000)
  expect([...first.seqs(), ...second.seqs()]).toEqual(range(1, 3000))
})

test('without Redis lines still come', async () => {
  const agentId = await bench.agent()
  await bench.store(agentId, numberedLines(1, 1))
  const watcher = await bench.watch(agentId, '?after=0')
  await all(watcher, 1)
  await redis.server.stop()
  const late = await bench.watch(agentId, '?after=0')
  await bench.store(agentId, numberedLines(2, 2))
  await all(watcher, 2)
  await all(late, 2)
  await redis.restart()
})

test('one generation only, what is no longer kept, and what is not there yet', async () => {
  const agentId = await bench.agent()
  await bench.store(agentId, numberedLines(11, 20), 1)
  await bench.store(agentId, numberedLines(21, 30), 2)
  const second = await bench.watch(agentId, '?after=0&generation=2')
  const whole = await bench.watch(agentId, '?after=0')
  const future = await bench.watch(agentId, '?after=99999')
  await all(second, 30)
  await all(whole, 30)
  await waitUntil('the third, too', () => future.frames.length > 0)
  await bench.store(agentId, numberedLines(31, 31), 1)
  await bench.store(agentId, numberedLines(32, 32), 2)
  await all(second, 32)
  await all(whole, 32)
  await all(future, 32)
  expect(second.seqs()).toEqual([...range(21, 30), 32])
  expect(second.frames.filter((frame) => frame.type === 'gap')).toEqual([])
  expect(whole.seqs()).toEqual(range(11, 32))
  expect(whole.frames.find((frame) => frame.type === 'gap')).toMatchObject({ from: 1, to: 10 })
  expect(future.seqs()).toEqual([31, 32])
})

test('a log of which nothing is kept any more says so, and goes on', async () => {
  const agentId = await bench.agent()
  await bench.store(agentId, numberedLines(1, 50))
  await database.asSuperuser('delete from nora.log_chunks where agent_id = $1', [agentId])
  const watcher = await bench.watch(agentId, '?after=10')
  await waitUntil('the gap', () => watcher.frames.some((frame) => frame.type === 'gap'))
  await bench.store(agentId, numberedLines(51, 52))
  await all(watcher, 52)
  expect(watcher.frames.filter((frame) => frame.type !== 'state')).toMatchObject([
    { type: 'gap', from: 11, to: 50 },
    { type: 'lines', lines: [{ seq: 51 }, { seq: 52 }] },
  ])
})

test('a change of state is said', async () => {
  const agentId = await bench.agent()
  const watcher = await bench.watch(agentId)
  await waitUntil('the first state', () => watcher.frames.length === 1)
  await database.asSuperuser(`update nora.agents set state = 'error', state_reason = 'why' where id = $1`, [
    agentId,
  ])
  await waitUntil('the next state', () => watcher.frames.length === 2)
  expect(watcher.frames[1]).toEqual({ type: 'state', state: 'error', reason: 'why' })
})

test.each([
  ['sign-out', 'update nora.sessions set revoked_at = now() where user_id = $1', 4403],
  ['removal from the workspace', 'delete from nora.memberships where user_id = $1', 4403],
  ['a disabled account', 'update nora.users set disabled_at = now() where id = $1', 4403],
])('%s closes the stream within five seconds', async (_, statement, code) => {
  const agentId = await bench.agent()
  const bob = await person(database, 'bob')
  await database.asSuperuser(
    `insert into nora.memberships (workspace_id, user_id, role) values ($1, $2, 'viewer')`,
    [bench.alice.workspaceId, bob.userId],
  )
  const watcher = await bench.watch(agentId, '', { stream: await bench.stream(agentId, bob) })
  const stays = await bench.watch(agentId)
  await waitUntil('the first state', () => watcher.frames.length === 1)
  const over = async () => {
    await database.asSuperuser(statement, [bob.userId])
    expect(await watcher.closed).toBe(code)
  }
  expect(await ownMs(over, () => database.asSuperuser('select 1'))).toBeLessThan(5_000)
  await bench.store(agentId, numberedLines(1, 1))
  await all(stays, 1)
  expect(watcher.seqs()).toEqual([])
})

test('an agent that is deleted closes its streams', async () => {
  const agentId = await bench.agent()
  const watcher = await bench.watch(agentId)
  await waitUntil('the first state', () => watcher.frames.length === 1)
  await database.asSuperuser('update nora.agents set deleted_at = now() where id = $1', [agentId])
  expect(await watcher.closed).toBe(4404)
})

test('a reader that does not read costs a bounded amount, delays nobody, and misses nothing', async () => {
  const agentId = await bench.agent()
  await bench.store(agentId, numberedLines(1, 1))
  const slow = await bench.watch(agentId, '?after=0')
  const quick = await bench.watch(agentId, '?after=0')
  await all(slow, 1)
  slow.ws.pause()
  let most = 0
  const look = () => (most = Math.max(most, bench.server.load().bufferedBytes))
  for (let at = 2; at <= 30_000; at += 50) {
    await bench.store(agentId, numberedLines(at, at + 49, 'x'.repeat(1000)))
    look()
  }
  const last = 30_001
  await all(quick, last)
  // It may have been stored before it was sent: what waits for the slow one may still grow.
  await waitUntil('much to wait for the slow one', () => look() > 500_000)
  expect(quick.seqs().length).toBe(last)
  expect(most).toBeLessThan(4 * 1024 * 1024)
  slow.ws.resume()
  await all(slow, last)
  expect(slow.seqs()).toEqual(range(1, last))
})

test('a worker that stops sends its viewers elsewhere', async () => {
  const agentId = await bench.agent()
  const watcher = await bench.watch(agentId)
  await waitUntil('the first state', () => watcher.frames.length === 1)
  await bench.server.close()
  expect(await watcher.closed).toBe(1013)
})
