// The worker here is a stand-in that speaks the internal protocol; e2e runs these streams against the real one.
import { once } from 'node:events'
import { capabilityPublicKey, verifyCapability } from '@nora/crypto/capability'
import { hashToken } from '@nora/crypto/tokens'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { expect, test } from 'vitest'
import { logSockets } from '../testing/log-sockets.ts'
import { line } from '../testing/stand-in-worker.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const logs = logSockets(database, api)

test('frames pass as they are, with the viewer named to the worker', async () => {
  const served = await logs.worker(async (send) => {
    await send({ type: 'state', state: 'running', reason: 'healthy' })
    await send({ type: 'lines', lines: [line(6), line(7, 'ü "quoted"')] })
    await send({ type: 'gap', from: 8, to: 9, reason: 'rotated away' })
  })
  const { socket, frames } = logs.connect(await logs.ticketOf(logs.ada), logs.ada, {
    query: '?after=5&generation=2',
  })
  await waitUntil('three frames', () => frames.length === 3)
  expect(socket.protocol).toBe('nora.v1')
  expect(frames).toEqual([
    { type: 'state', state: 'running', reason: 'healthy' },
    { type: 'lines', lines: [line(6), line(7, 'ü "quoted"')] },
    { type: 'gap', from: 8, to: 9, reason: 'rotated away' },
  ])
  expect(served.requests).toMatchObject([{ after: '5', generation: '2' }])
  const claims = verifyCapability(
    capabilityPublicKey(api.deps.capabilitySeed),
    served.requests[0]!.capability,
    {
      audience: 'worker',
      op: 'logs',
      agent: logs.agentId,
    },
  )
  expect(claims.sub).toBe(logs.ada.user?.id)
  const [stream] = await database.asSuperuser<{ user_id: string }>(
    'select user_id from nora.streams where id = $1',
    [claims.stream],
  )
  expect(stream?.user_id).toBe(logs.ada.user?.id)
})

test('when a worker goes, another takes over after the last line sent', async () => {
  const first = await logs.worker(async (send, _after, socket) => {
    for (let seq = 1; seq <= 3; seq++) await send({ type: 'lines', lines: [line(seq)] })
    socket.close()
  }, 'first')
  const second = await logs.worker(async (send, after) => {
    for (let seq = after + 1; seq <= 6; seq++) await send({ type: 'lines', lines: [line(seq)] })
  }, 'second')
  await database.asSuperuser(
    `update nora.workers set last_seen_at = last_seen_at - interval '1 minute' where id = 'second'`,
  )
  const { frames } = logs.connect(await logs.ticketOf(logs.ada), logs.ada)
  await waitUntil('six lines', () => frames.length === 6)
  const seen = (frames as { lines: { seq: number }[] }[]).flatMap((frame) =>
    frame.lines.map((one) => one.seq),
  )
  expect(seen).toEqual([1, 2, 3, 4, 5, 6])
  expect(first.requests[0]?.after).toBeNull()
  expect(second.requests[0]?.after).toBe('3')
})

test('a viewer that came before any worker gets its lines when one appears', async () => {
  const { frames } = logs.connect(await logs.ticketOf(logs.ada), logs.ada)
  await logs.worker(async (send) => send({ type: 'lines', lines: [line(1)] }))
  await waitUntil('the line', () => frames.length === 1)
})

test('a slow reader holds the worker back, and nobody else', async () => {
  const text = 'x'.repeat(60_000)
  const frameCount = 1_500
  const sent: number[] = []
  await logs.worker(async (send) => {
    const viewer = sent.push(0) - 1
    for (let seq = 1; seq <= frameCount; seq++) {
      await send({ type: 'lines', lines: [line(seq, text)] })
      sent[viewer] = seq
    }
  })
  const slow = logs.connect(await logs.ticketOf(logs.ada), logs.ada)
  await once(slow.socket, 'open')
  slow.socket.pause()
  await waitUntil('the slow one to be served', () => sent.length === 1)
  const quick = logs.connect(await logs.ticketOf(logs.ada), logs.ada)
  await waitUntil('the quick reader to have everything', () => quick.frames.length === frameCount, {
    deadlineMs: 90_000,
  })
  // 90 MB were meant for it: what the worker could get rid of is what socket buffers and our one megabyte hold.
  expect(sent[0]).toBeLessThan(frameCount / 3)
  slow.socket.resume()
  await waitUntil('the slow reader to have everything', () => slow.frames.length === frameCount, {
    deadlineMs: 90_000,
  })
  const seqs = (slow.frames as { lines: { seq: number }[] }[]).map((frame) => frame.lines[0]!.seq)
  expect(seqs).toEqual(Array.from({ length: frameCount }, (_, index) => index + 1))
})

test('a ticket stands nowhere in clear', async () => {
  const ticket = await logs.ticketOf(logs.ada)
  // As text, which shows bytes in hexadecimal.
  const kept = JSON.stringify(await database.asSuperuser('select s::text as row from nora.streams s'))
  expect(kept).toContain(hashToken(ticket).toString('hex'))
  for (const bytes of [Buffer.from(ticket), Buffer.from(ticket, 'base64url')])
    expect(kept).not.toContain(bytes.toString('hex'))
  expect(kept).not.toContain(ticket)
  expect(api.logged.join('\n')).not.toContain(ticket)
})
