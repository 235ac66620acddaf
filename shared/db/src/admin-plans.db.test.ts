import { adminSession, type Person, person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import type { KyselyPlugin, RawNode, RootOperationNode } from 'kysely'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Tx, withActor } from './actor.ts'
import { adminAgents } from './admin-agents.ts'
import { adminQueue } from './admin-queue.ts'
import { type AdminProof, withAdminRead } from './admin-session.ts'
import { adminUsers } from './admin-users.ts'
import { auditPage } from './audit-read.ts'
import { encodeCursor } from './cursor.ts'

// What a page of an admin's lists touches, as plans.db.test.ts has it for people: at two sizes of the whole server.
const database = testDatabase()
const sizes = [1_000, 100_000] as const
let owner: Person
let proof: AdminProof

/** People, agents of one workspace, operations that failed long ago, and audit rows of one kind: so many of each. */
async function grow(from: number, to: number): Promise<void> {
  const fill = (text: string) => database.asSuperuser(text, [from + 1, to, owner.workspaceId, owner.userId])
  await fill(`insert into nora.users (email, created_at) select 'user' || n || '@many.test', now() from generate_series($1::int, $2::int) n
    where $3::uuid is not null and $4::uuid is not null`)
  await fill(`with a as (
      insert into nora.agents (workspace_id, owner_id, name, runtime, target, sandbox_profile, cpus, memory_mb, disk_mb, pids,
        desired_state, state, created_at)
      select $3, $4, 'agent ' || n, 'starter', 'docker', 'standard', 0.5, 256, 512, 64, 'stopped', 'stopped',
        now() - n * interval '1 second' from generate_series($1::int, $2::int) n returning id)
    insert into nora.operations (workspace_id, agent_id, kind, status, requested_by, created_at, finished_at, error)
    select $3, id, 'provision', 'failed', $4, now() - interval '9 days', now() - interval '9 days', '{"message": "x"}' from a`)
  await fill(`insert into nora.audit_log (ts, event_type, actor_kind, actor_id, workspace_id)
    select now() - n * interval '1 second', 'MANY', 'user', $4::uuid::text, $3 from generate_series($1::int, $2::int) n`)
}

type Touched = { pages: number; rows: number }

/** Has every raw query explained instead of answered, and notes what it touched. */
function explaining(found: Touched[]): KyselyPlugin {
  return {
    transformQuery: ({ node }) => {
      const { sqlFragments, ...rest } = node as RawNode
      const [first, ...more] = sqlFragments
      return {
        ...rest,
        sqlFragments: [`explain (analyze, buffers, format json) ${first}`, ...more],
      } as RootOperationNode
    },
    transformResult: async ({ result }) => {
      for (const row of result.rows) {
        const [{ Plan: plan }] = row['QUERY PLAN'] as [{ Plan: Record<string, number> }]
        found.push({
          pages: plan['Shared Hit Blocks']! + plan['Shared Read Blocks']!,
          rows: plan['Actual Rows']!,
        })
      }
      return { ...result, rows: [] }
    },
  }
}

const place = encodeCursor({
  createdUs: (Date.now() - 500_000) * 1000,
  id: '00000000-0000-4000-8000-000000000000',
})
const newest = { order: 'newest', limit: 50 } as const
const lists: Record<string, (tx: Tx) => Promise<unknown>> = {
  people: (tx) => adminUsers(tx, { limit: 50 }),
  'people, a later page': (tx) => adminUsers(tx, { limit: 50, after: 'user5@many.test' }),
  'people by the beginning of an address': (tx) => adminUsers(tx, { limit: 50, q: 'USER9' }),
  'people whose address begins like nobody’s': (tx) => adminUsers(tx, { limit: 50, q: 'zz' }),
  admins: (tx) => adminUsers(tx, { limit: 50, role: 'admin' }),
  'who is disabled': (tx) => adminUsers(tx, { limit: 50, disabled: true }),
  agents: (tx) => adminAgents(tx, { limit: 50 }),
  'agents, a later page': (tx) => adminAgents(tx, { limit: 50, cursor: place }),
  'agents of one state': (tx) => adminAgents(tx, { limit: 50, state: 'stopped' }),
  'agents of a state that none has': (tx) => adminAgents(tx, { limit: 50, state: 'error' }),
  'agents of one owner': (tx) => adminAgents(tx, { limit: 50, owner: owner.userId }),
  'agents of one workspace': (tx) => adminAgents(tx, { limit: 50, workspace: owner.workspaceId }),
  'the queue': (tx) => adminQueue(tx, { open: true, failed: true, limit: 50, before: null }),
  'what failed': (tx) => adminQueue(tx, { open: false, failed: true, limit: 50, before: 1e9 }),
  'the audit log': (tx) => auditPage(tx, {}, newest, { workspace: undefined }),
  'the audit log from its beginning': (tx) =>
    auditPage(tx, {}, { order: 'oldest', limit: 50 }, { workspace: undefined }),
  'the audit log of one workspace': (tx) => auditPage(tx, {}, newest, { workspace: owner.workspaceId }),
  'the audit log of one kind': (tx) => auditPage(tx, { type: 'MANY' }, newest, { workspace: undefined }),
  'the audit log of a kind that is not there': (tx) =>
    auditPage(tx, { type: 'NONE' }, newest, { workspace: undefined }),
  'the audit log of one person': (tx) =>
    auditPage(tx, { actor: owner.userId }, newest, { workspace: undefined }),
}
const found: Record<number, Record<string, Touched>> = {}

beforeAll(async () => {
  owner = await person(database, 'owner')
  proof = await adminSession(database, owner.userId, { steppedUp: false })
  let known = 0
  for (const size of sizes) {
    await grow(known, size)
    known = size
    await database.asSuperuser('vacuum analyze')
    found[size] = await look()
  }
}, 180_000)

/** Everything twice: the first time also reads the catalogue. */
async function look(): Promise<Record<string, Touched>> {
  const touched: Record<string, Touched> = {}
  for (let time = 0; time < 2; time++) {
    for (const [name, list] of Object.entries(lists)) {
      const seen: Touched[] = []
      await withAdminRead(database.app, proof, { what: 'plan' }, { ip: null, correlationId: 'plan' }, (tx) =>
        list(tx.withPlugin(explaining(seen)) as Tx),
      )
      expect(seen, name).toHaveLength(1)
      touched[name] = seen[0]!
    }
  }
  return touched
}

describe('with a hundred times as much on the server', () => {
  test.each(Object.keys(lists))('a page of %s touches no more', (name) => {
    const [few, many] = sizes.map((size) => found[size]![name]!)
    expect(few!.pages).toBeGreaterThan(0)
    expect(many!.rows).toBe(few!.rows)
    // Indexes are a level or two deeper; a few look-ups a row.
    expect(many!.pages).toBeLessThanOrEqual(few!.pages + 51 * 5)
    expect(many!.pages).toBeLessThan(1_500)
  })
})

test('somebody who has little is not made to read what everybody has', async () => {
  const stranger = await person(database, 'stranger')
  const seen: Touched[] = []
  await withActor(database.app, stranger.actor, async (tx) => {
    const own = tx.withPlugin(explaining(seen)) as Tx
    for (const order of ['newest', 'oldest'] as const) await auditPage(own, {}, { order, limit: 50 })
    await auditPage(own, { type: 'MANY' }, newest)
    await auditPage(own, { actor: owner.userId }, newest)
  })
  expect(seen).toHaveLength(4)
  for (const { pages } of seen) expect(pages).toBeLessThan(100)
})
