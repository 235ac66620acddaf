import { withActor } from '@nora/db/actor'
import { leaseFollower } from '@nora/db/followers'
import { type Person, person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { beforeEach, expect, test } from 'vitest'
import { storeAgent } from '../secrets/testing/arrange.ts'
import { trimAllLogs } from './trim-logs.ts'

const database = testDatabase()
const never = new AbortController().signal
const kilobyte = 1024
let alice: Person
let bob: Person

beforeEach(async () => {
  await database.asSuperuser('delete from nora.log_chunks')
  await database.asSuperuser('delete from nora.log_followers')
  alice ??= await person(database, 'alice')
  bob ??= await person(database, 'bob')
})

/** An agent with chunks of 1 KiB and one line each, this many days old. */
async function agent(owner: Person, ages: number[]): Promise<string> {
  const id = await storeAgent(database, owner, {})
  await database.asSuperuser(
    `insert into nora.log_chunks (workspace_id, agent_id, first_seq, last_seq, generation, first_ts, last_ts, lines, data, created_at)
     select $2, $1, n, n, 1, at, at, 1, decode(repeat('00', 1024), 'hex'), at
     from unnest($3::float8[]) with ordinality as c (age, n), lateral (select now() - age * interval '1 day' as at) t`,
    [id, owner.workspaceId, ages],
  )
  await database.asSuperuser(
    'insert into nora.log_followers (workspace_id, agent_id, next_seq, stored_bytes) values ($1, $2, $3, $4)',
    [owner.workspaceId, id, ages.length + 1, ages.length * kilobyte],
  )
  return id
}
const trim = (totalBytes: number, keptDays = 14) =>
  trimAllLogs(database.worker, { totalBytes, keptDays }, never)
async function kept(agentId: string) {
  const [row] = await database.asSuperuser<{ seqs: number[]; bytes: number; counted: number }>(
    `select coalesce(array_agg(c.first_seq::int order by c.first_seq) filter (where c.first_seq is not null), '{}') as seqs,
       coalesce(sum(length(c.data)), 0)::int as bytes, min(f.stored_bytes)::int as counted
     from nora.log_followers f left join nora.log_chunks c on c.agent_id = f.agent_id where f.agent_id = $1`,
    [agentId],
  )
  expect(row!.bytes).toBe(row!.counted)
  return row!.seqs
}

test('the oldest go first, whoever’s they are, and no more than is needed', async () => {
  const first = await agent(alice, [9, 5, 1])
  const second = await agent(bob, [8, 7, 2])
  expect(await trim(6 * kilobyte)).toEqual({ chunks: 0, bytes: 0 })
  expect(await trim(3 * kilobyte)).toEqual({ chunks: 3, bytes: 3 * kilobyte })
  expect([await kept(first), await kept(second)]).toEqual([[2, 3], [3]])
  await trim(1)
  expect([await kept(first), await kept(second)]).toEqual([[], []])
})

test('who prints much takes nothing from a workspace that holds less than its share', async () => {
  const quiet = await agent(alice, [9])
  const loud = await agent(bob, [5, 4, 3])
  const louder = await agent(bob, [2, 1])
  expect(await trim(4 * kilobyte)).toEqual({ chunks: 2, bytes: 2 * kilobyte })
  expect([await kept(quiet), await kept(loud), await kept(louder)]).toEqual([[1], [3], [1, 2]])
})

test('what is too old goes, also of an agent that prints nothing any more', async () => {
  const silent = await agent(alice, [30, 20, 15])
  const other = await agent(bob, [20, 13, 1])
  expect(await trim(2 ** 40)).toEqual({ chunks: 4, bytes: 4 * kilobyte })
  expect([await kept(silent), await kept(other)]).toEqual([[], [2, 3]])
})

test('a log that is being written is passed over, not waited for, and trimmed the next time', async () => {
  const busy = await agent(alice, [9, 8])
  const idle = await agent(bob, [7, 6])
  const fence = await leaseFollower(database.worker, busy, 'w', 60_000)
  const actor = { kind: 'follower', agentId: busy, workerId: 'w', fence: fence! } as const
  await withActor(database.worker, actor, async () => {
    // The four oldest are to go; two of them are this transaction's agent's.
    expect(await trim(1)).toEqual({ chunks: 2, bytes: 2 * kilobyte })
    expect(await kept(idle)).toEqual([])
  })
  expect(await kept(busy)).toEqual([1, 2])
  await trim(1)
  expect(await kept(busy)).toEqual([])
})
