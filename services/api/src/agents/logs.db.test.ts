import { encodeChunk, type LogRecord } from '@nora/events/log-chunk'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { beforeAll, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
let ada: Client
let id: string
const ts = '2026-01-02T03:04:05.123456789Z'
const text = (seq: number) => (seq % 10 === 0 ? `Ten ${seq}` : `line ${seq}`)

// Lines 1 to 100 in chunks of 7, a gap in the place of 50 to 52; generation 2 from line 61 on.
beforeAll(async () => {
  ada = await api.signUp()
  id = (await ada.post('/api/agents', { name: 'a', runtime: 'starter' })).body.id
  const records: LogRecord[] = []
  for (let seq = 1; seq <= 100; seq++) {
    if (seq === 50) records.push({ seq, ts, gap: { from: 50, to: 52, reason: 'rotated away' } })
    if (seq < 50 || seq > 52)
      records.push({ seq, ts, stream: seq % 2 ? 'stdout' : 'stderr', text: text(seq) })
  }
  const [agent] = await database.asSuperuser<{ workspace_id: string }>(
    'select workspace_id from nora.agents where id = $1',
    [id],
  )
  const generationOf = (record: LogRecord) => (record.seq > 60 ? 2 : 1)
  for (const generation of [1, 2]) {
    const own = records.filter((record) => generationOf(record) === generation)
    for (let at = 0; at < own.length; at += 7) {
      const chunk = own.slice(at, at + 7)
      const last = chunk.at(-1)!
      const lastSeq = 'gap' in last ? last.gap.to : last.seq
      await database.asSuperuser(
        `insert into nora.log_chunks (workspace_id, agent_id, first_seq, last_seq, generation, first_ts, last_ts, lines, data)
         values ($1, $2, $3, $4, $5, $6, $6, $7, $8)`,
        [
          agent!.workspace_id,
          id,
          chunk[0]!.seq,
          lastSeq,
          generation,
          ts,
          chunk.length,
          await encodeChunk(chunk),
        ],
      )
    }
  }
})

type Item = { seq: number; generation: number; text?: string; stream?: string; ts: string; gap?: object }
async function logs(query: string): Promise<{ items: Item[]; nextCursor: string | null }> {
  const answer = await ada.get(`/api/agents/${id}/logs?${query}`)
  expect(answer.status, answer.text).toBe(200)
  return answer.body
}
const all = Array.from({ length: 100 }, (_, index) => index + 1).filter((seq) => seq !== 51 && seq !== 52)

test('without a place: the newest lines, in order, and a cursor to older ones', async () => {
  const page = await logs('limit=3')
  expect(page.items).toEqual([
    { seq: 98, ts, generation: 2, stream: 'stderr', text: 'line 98' },
    { seq: 99, ts, generation: 2, stream: 'stdout', text: 'line 99' },
    { seq: 100, ts, generation: 2, stream: 'stderr', text: 'Ten 100' },
  ])
  expect((await logs(`limit=2&before=${page.nextCursor}`)).items.map((item) => item.seq)).toEqual([96, 97])
})

test.each([1, 4, 7, 8, 97, 98, 1000])(
  'every line once, forwards and backwards, %d at a time',
  async (limit) => {
    const forwards: number[] = []
    let after: string | null = '0'
    while (after !== null) {
      const page: Awaited<ReturnType<typeof logs>> = await logs(`limit=${limit}&after=${after}`)
      forwards.push(...page.items.map((item) => item.seq))
      after = page.nextCursor
    }
    expect(forwards).toEqual(all)
    const backwards: number[] = []
    let before: string | null = ''
    while (before !== null) {
      const page: Awaited<ReturnType<typeof logs>> = await logs(
        `limit=${limit}${before && `&before=${before}`}`,
      )
      backwards.unshift(...page.items.map((item) => item.seq))
      before = page.nextCursor
    }
    expect(backwards).toEqual(all)
  },
)

test('a gap is said in its place', async () => {
  const { items } = await logs('after=49&limit=2')
  expect(items).toEqual([
    { seq: 50, ts, generation: 1, gap: { from: 50, to: 52, reason: 'rotated away' } },
    { seq: 53, ts, generation: 1, stream: 'stdout', text: 'line 53' },
  ])
})

test('searched in any case, by generation, between two places', async () => {
  expect((await logs('q=tEN&after=0')).items.map((item) => item.seq)).toEqual([
    10, 20, 30, 40, 60, 70, 80, 90, 100,
  ])
  expect((await logs('q=ten&generation=2')).items.map((item) => item.seq)).toEqual([70, 80, 90, 100])
  expect((await logs('after=10&before=14')).items.map((item) => item.seq)).toEqual([11, 12, 13])
  expect(await logs('after=100')).toEqual({ items: [], nextCursor: null })
  expect(await logs('q=nowhere')).toEqual({ items: [], nextCursor: null })
  expect((await logs('after=0&generation=2&limit=1')).items[0]?.seq).toBe(61)
})

test.each(['after', 'before'])('long lines of control characters come in small answers, %s', async (way) => {
  const made = (await ada.post('/api/agents', { name: 'long', runtime: 'starter' })).body
  const line = '\u0001'.repeat(60_000)
  for (let seq = 1; seq <= 20; seq++) {
    await database.asSuperuser(
      `insert into nora.log_chunks (workspace_id, agent_id, first_seq, last_seq, generation, first_ts, last_ts, lines, data)
       select workspace_id, id, $2, $2, 1, $3, $3, 1, $4 from nora.agents where id = $1`,
      [made.id, seq, ts, await encodeChunk([{ seq, ts, stream: 'stdout', text: line }])],
    )
  }
  const seen: number[] = []
  let cursor: string | null = way === 'after' ? '0' : '21'
  while (cursor !== null) {
    const page = await ada.get(`/api/agents/${made.id}/logs?limit=1000&${way}=${cursor}`)
    expect(page.text.length).toBeLessThan(3 * 1024 * 1024)
    for (const item of page.body.items) seen.push(item.seq)
    cursor = page.body.nextCursor
  }
  expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1))
})
