import { waitUntil } from '@nora/testing/wait-until'
import { Redis } from 'ioredis'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import WebSocket from 'ws'
import { type Client, signedIn } from './client.ts'
import { stack } from './stack.ts'

const it = stack()
let alice: Client
let bob: Client

beforeAll(async () => {
  alice = await signedIn(it, 'alice')
  bob = await signedIn(it, 'bob')
})

type Frame = { type: string; topics?: string[] }

/** A page of somebody's personal workspace: looks again at what it is told, and at nothing by itself. */
async function page(who: Client, onTopics: (topics: string[]) => void): Promise<Frame[]> {
  const { personalWorkspaceId } = (await who.get<{ personalWorkspaceId: string }>('auth/me')).body
  const { ticket } = (await who.post<{ ticket: string }>('ws-tickets', { kind: 'events' })).body
  const socket = new WebSocket(
    `${it.url.replace('http', 'ws')}/api/ws/events/${personalWorkspaceId}`,
    ['nora.v1', `ticket.${ticket}`],
    { headers: { authorization: `Bearer ${who.token}` } },
  )
  onTestFinished(() => socket.terminate())
  const frames: Frame[] = []
  socket.on('message', (data) => {
    const frame = JSON.parse(String(data)) as Frame
    frames.push(frame)
    if (frame.topics) onTopics(frame.topics)
  })
  await waitUntil('hello', () => frames.length > 0, { deadlineMs: 60_000 })
  return frames
}

test('a page sees an agent become what it should be by what it is told alone, and nobody else is told of it', async () => {
  let [state, looks, seen, id] = ['', 0, 0, '']
  const early = new Set<string>()
  const look = async () => {
    const mine = ++looks
    const agent = await alice.agent(id)
    // Answers may overtake each other: the newest look counts.
    if (mine > seen) [state, seen] = [agent.state, mine]
  }
  const frames = await page(alice, (topics) => {
    if (id === '') for (const topic of topics) early.add(topic)
    else if (topics.includes(`agent:${id}`)) look().catch(() => undefined) // the wait below says what it missed
  })
  const others = await page(bob, () => undefined)
  const began = performance.now()
  id = await alice.deploy({ name: 'watched', runtime: 'starter' })
  if (early.has(`agent:${id}`)) await look()
  await waitUntil('running, as told', () => state === 'running', { deadlineMs: 120_000 })
  const redis = new Redis(it.redis.url)
  onTestFinished(() => redis.disconnect())
  await redis.flushall()
  expect((await alice.post(`agents/${id}/stop`)).status).toBe(202)
  await waitUntil('stopped, as told', () => state === 'stopped', { deadlineMs: 120_000 })
  // One for each transaction that changed it at the most, and not for each row: how often that was depends on the time it takes.
  const [changes] = await it.database.asSuperuser<{ rows: number; transactions: number }>(
    'select count(*)::int as rows, count(distinct xid)::int as transactions from nora.changes where subject = $1',
    [id],
  )
  expect(looks).toBeLessThanOrEqual(changes!.transactions + 1)
  // And of those no more than there is something to say: about twenty, since two operations take eleven steps, with the words and states
  // around them; what goes on for longer (waiting for health, trying again, the regular look) is written at most a few times a second. A
  // slow machine has more of them, and more time for them.
  const seconds = (performance.now() - began) / 1_000
  expect(changes!.transactions).toBeLessThanOrEqual(50 + 4 * seconds)
  expect(changes!.rows).toBeGreaterThan(changes!.transactions)
  // The greeting, and at least one for each of the two: how many steps go into one depends on the time they take.
  expect(frames.length).toBeGreaterThan(2)
  expect(others.flatMap(({ topics = [] }) => topics).filter((topic) => topic.startsWith('agent'))).toEqual([])
  expect((await alice.delete(`agents/${id}`)).status).toBe(202)
  await waitUntil('the end', async () => (await alice.get(`agents/${id}`)).status === 404, {
    deadlineMs: 120_000,
  })
})
