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

/** An agent with one chunk of `lines` lines (`text` makes them) for each number in `chunks`, which is where it begins. */
async function stored(chunks: number[], lines: number, newest: number, text: (seq: number) => string) {
  const made = (await ada.post('/api/agents', { name: `trimmed ${newest}`, runtime: 'starter' })).body
  const rows = await Promise.all(
    chunks.map(async (first) => {
      const seqs = Array.from({ length: lines }, (_, index) => first + index)
      return encodeChunk(seqs.map((seq) => ({ seq, ts, stream: 'stdout', text: text(seq) })))
    }),
  )
  await database.asSuperuser(
    `insert into nora.log_chunks (workspace_id, agent_id, first_seq, last_seq, generation, first_ts, last_ts, lines, data)
     select a.workspace_id, a.id, c.first, c.first + $4 - 1, 1, $5, $5, $4, c.data
     from nora.agents a, unnest($2::bigint[], $3::bytea[]) as c (first, data) where a.id = $1`,
    [made.id, chunks, rows, lines, ts],
  )
  await database.asSuperuser(
    'insert into nora.log_followers (workspace_id, agent_id, next_seq) select workspace_id, id, $2::bigint + 1 from nora.agents where id = $1',
    [made.id, newest],
  )
  const walk = async (way: 'after' | 'before', from: string, query = '') => {
    const pages: { items: Item[]; nextCursor: string | null }[] = []
    for (let cursor: string | null = from; cursor !== null; cursor = pages.at(-1)!.nextCursor) {
      const answer = await ada.get(`/api/agents/${made.id}/logs?${way}=${cursor}${query}`)
      expect(answer.status, answer.text).toBe(200)
      pages.push(answer.body)
    }
    return pages
  }
  return { id: made.id as string, walk }
}

test.each([1, 3, 5, 1000])(
  'lines that are no longer kept are said to be missing, %d at a time',
  async (limit) => {
    const { walk } = await stored([11, 16], 5, 20, (seq) => `line ${seq}`)
    const kept = Array.from({ length: 10 }, (_, index) => 11 + index)
    const told = (pages: { items: Item[] }[]) => pages.flatMap(({ items }) => items)
    for (const [way, from, to] of [
      ['after', '4', 5],
      ['before', '21', 1],
    ] as const) {
      const items = told(await walk(way, from, `&limit=${limit}`))
      const gaps = items.filter((item) => item.gap)
      expect(gaps.map((item) => item.gap)).toMatchObject([{ from: to, to: 10 }])
      expect(items.filter((item) => !item.gap).map((item) => item.seq)).toHaveLength(10)
      expect(new Set(items.filter((item) => !item.gap).map((item) => item.seq))).toEqual(new Set(kept))
    }
    expect(told(await walk('after', '12')).filter((item) => item.gap)).toEqual([])
    expect(told(await walk('after', '0', '&q=line')).filter((item) => item.gap)).toEqual([])
  },
)

test('a log of which nothing is kept any more is one gap', async () => {
  const { walk } = await stored([], 0, 20, () => '')
  for (const [way, from] of [
    ['after', '0'],
    ['before', '99999'],
  ] as const) {
    const pages = await walk(way, from)
    expect(pages).toMatchObject([{ items: [{ gap: { from: 1, to: 20 } }], nextCursor: null }])
  }
  expect(await walk('after', '20')).toEqual([{ items: [], nextCursor: null }])
})

test.each(['after', 'before'] as const)(
  'what stands far back in a long log is found by following the cursor, each answer after bounded work, %s',
  async (way) => {
    const chunks = Array.from({ length: 700 }, (_, index) => 1 + index * 50)
    const last = 700 * 50
    const fill = 'x'.repeat(1_200)
    // At the first and the last line of chunks, with what JSON writes otherwise, and in other letters' cases.
    const marks = new Map([
      [1, 'Needle "1"'],
      [50, 'nEEDLE "1"'],
      [51, 'a needle "1" b'],
      [last, 'NEEDLE "1"'],
      [last - 10, 'needle 1'],
      [17_500, 'Ünd NÄDEL \\ ende'],
    ])
    const { walk } = await stored(chunks, 50, last, (seq) => marks.get(seq) ?? `${seq} ${fill}`)
    const from = way === 'after' ? '0' : String(last + 1)
    const slowest: number[] = []
    const find = async (q: string) => {
      const pages = await walk(way, from, `&q=${encodeURIComponent(q)}`)
      slowest.push(pages.length)
      return pages.flatMap(({ items }) => items.map((item) => item.seq)).sort((a, b) => a - b)
    }
    expect(await find('needle "1"')).toEqual([1, 50, 51, last])
    expect(await find('nädel \\ E')).toEqual([17_500])
    expect(await find('nowhere')).toEqual([])
    expect(Math.min(...slowest)).toBeGreaterThan(2)
    expect(Math.max(...slowest)).toBeLessThan(10)
  },
)

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
