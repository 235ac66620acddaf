import { type Person, person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { beforeAll, describe, expect, test } from 'vitest'
import { type AgentFilter, agentPage } from './agent-reads.ts'
import { encodeCursor } from './cursor.ts'
import { readAs } from './read.ts'

// What a query touches, not how long it takes: 8 kB pages of Postgres that it looked at, at two sizes.
const database = testDatabase()
const sizes = [1_000, 100_000] as const
let owner: Person

const insert = (count: number) =>
  database.asSuperuser(
    `with a as (
       insert into nora.agents (workspace_id, owner_id, name, runtime, target, sandbox_profile, cpus, memory_mb, disk_mb, pids,
         desired_state, state, created_at, container_id)
       select $1, $2, 'agent ' || n, 'starter', 'docker', 'standard', 0.5, 256, 512, 64, 'stopped', 'stopped',
         now() - n * interval '1 second', 'c' || n
       from generate_series(1, $3::int) n returning id),
     f as (insert into nora.log_followers (workspace_id, agent_id) select $1, id from a)
     insert into nora.operations (workspace_id, agent_id, kind, status, requested_by, finished_at)
     select $1, id, 'provision', 'succeeded', $2, now() from a`,
    [owner.workspaceId, owner.userId, count],
  )

type Touched = { pages: number; rows: number }

async function pageTouches(filter: AgentFilter, who = owner): Promise<Touched> {
  const read = agentPage(filter)
  const name = `explain_${read.statement.name}`
  const text = `explain (analyze, buffers, format json) ${read.statement.text}`
  const { rows } = await readAs(database.app, who.actor, { statement: { name, text }, values: read.values })
  return touchedBy(JSON.parse(String(rows[0]![0])))
}

async function touches(query: string): Promise<Touched> {
  const [row] = await database.asSuperuser<{ 'QUERY PLAN': unknown }>(
    `explain (analyze, buffers, format json) ${query}`,
  )
  return touchedBy(row!['QUERY PLAN'])
}

function touchedBy(explained: unknown): Touched {
  const [{ Plan: plan }] = explained as [{ Plan: Record<string, number> }]
  return { pages: plan['Shared Hit Blocks']! + plan['Shared Read Blocks']!, rows: plan['Actual Rows']! }
}

const cursor = encodeCursor({
  createdUs: (Date.now() - 500_000) * 1000,
  id: '00000000-0000-4000-8000-000000000000',
})
const pages: Record<string, AgentFilter> = {
  'the first page': { limit: 50 },
  'a later page': { limit: 50, cursor },
  'a page of one state': { limit: 50, state: 'stopped' },
  'a later page of one state': { limit: 50, state: 'stopped', cursor },
  'a state that no agent has': { limit: 50, state: 'error' },
  'a name that many have': { limit: 50, q: 'AGENT' },
}
/** What workers ask each second or two, whoever is known. */
const rounds = {
  'the sweep': `select * from nora.due_operations(100, interval '1 second')`,
  'the agents to sample': `select * from nora.sampled_agents('w1')`,
  'the renewal of log leases': `select * from nora.renew_followers('w1', interval '6 seconds')`,
}
/** What names every agent that is not deleted. */
const listings = {
  'the fleet': 'select * from nora.fleet()',
  'the logs to follow': `select * from nora.followable('w1')`,
}
const found: Record<number, Record<string, Touched>> = {}

beforeAll(async () => {
  owner = await person(database, 'owner')
  let known = 0
  for (const size of sizes) {
    await insert(size - known)
    known = size
    found[size] = await look()
  }
}, 600_000)

/** Everything twice: the first time also reads the catalogue. */
async function look(): Promise<Record<string, Touched>> {
  await database.asSuperuser('vacuum analyze')
  const touched: Record<string, Touched> = {}
  for (let time = 0; time < 2; time++) {
    for (const [name, filter] of Object.entries(pages)) touched[name] = await pageTouches(filter)
    for (const [name, query] of Object.entries({ ...rounds, ...listings }))
      touched[name] = await touches(query)
  }
  return touched
}

describe('with a hundred times as many agents', () => {
  test.each(Object.keys(pages))('%s touches no more', (name) => {
    const [few, many] = sizes.map((size) => found[size]![name]!)
    expect(many!.rows).toBe(few!.rows)
    expect(few!.pages).toBeGreaterThan(0)
    // Three indexes are each a level deeper; five look-ups an agent.
    expect(many!.pages).toBeLessThanOrEqual(few!.pages + 50 * 5)
    expect(many!.pages).toBeLessThan(600)
  })

  test.each(Object.keys(rounds))('%s touches no more', (name) => {
    expect(found[sizes[1]]![name]!.pages).toBeLessThanOrEqual(found[sizes[0]]![name]!.pages + 20)
  })

  test('a name that nobody has is looked for in the workspace and nowhere else', async () => {
    const stranger = await person(database, 'stranger')
    const mine = await pageTouches({ limit: 50, q: 'nobody has this' })
    const theirs = await pageTouches({ limit: 50, q: 'nobody has this' }, stranger)
    expect(mine.pages).toBeGreaterThan(1_000)
    expect(theirs.pages).toBeLessThan(100)
  })

  test('a gateway’s room is counted by its own agents', async () => {
    const counted = await touches(
      `select count(*) from nora.agents a where a.gateway_id = '00000000-0000-4000-8000-000000000000'`,
    )
    expect(counted.pages).toBeLessThan(10)
  })

  test.each(Object.keys(listings))('%s reads each agent once', (name) => {
    const { pages: touched, rows } = found[sizes[1]]![name]!
    expect(rows).toBe(sizes[1])
    expect(touched).toBeLessThan(sizes[1] / 10)
  })
})

test('operations that wait cost the sweep no more than themselves', async () => {
  await database.asSuperuser(
    `insert into nora.operations (workspace_id, agent_id, kind, requested_by)
     select workspace_id, id, 'start', owner_id from nora.agents order by created_at limit 200`,
  )
  await database.asSuperuser('vacuum analyze nora.operations')
  const { pages: touched, rows } = await touches(rounds['the sweep'])
  expect(rows).toBe(100)
  expect(touched).toBeLessThan(500)
})

test('agents that are deleted are looked at by nobody', async () => {
  await database.asSuperuser(
    `update nora.agents set deleted_at = now() where id not in (select id from nora.agents order by created_at desc limit 1000)`,
  )
  const touched = await look()
  for (const name of Object.keys(listings)) {
    expect(touched[name]!.rows, name).toBe(1_000)
    expect(touched[name]!.pages, name).toBeLessThan(3_500)
  }
  expect(touched['the first page']!.pages).toBeLessThan(600)
})
