import { randomBytes } from 'node:crypto'
import { person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { waitUntil } from '@nora/testing/wait-until'
import { expect, test } from 'vitest'
import { withActor } from './actor.ts'
import { issueLiveTicket, redeemLiveTicket, watchStreams } from './live-streams.ts'

const database = testDatabase()

async function openStream(name: string) {
  const who = await person(database, name)
  const { sessionId, secret } = who.actor
  const ticketHash = randomBytes(32)
  await withActor(database.app, who.actor, (tx) => issueLiveTicket(tx, sessionId, ticketHash))
  const { workspaceId } = who
  const { streamId } = await redeemLiveTicket(database.app, { ticketHash, sessionId, secret, workspaceId })
  const look = async (since: string | null) => (await watchStreams(database.app, [{ streamId, since }]))[0]
  return { ...who, streamId, look }
}
const scans = async () => {
  await database.asSuperuser('select pg_stat_force_next_flush()')
  const [row] = await database.asSuperuser<{ whole: number; read: number }>(
    `select seq_scan::int as whole, coalesce(idx_tup_fetch, 0)::int as read from pg_stat_user_tables where relname = 'changes'`,
  )
  return row!
}

test('a look at a workspace where nothing happens reads the marks that came since the last, of a hundred thousand', async () => {
  const { look } = await openStream('alice')
  await database.asSuperuser(
    `insert into nora.changes (workspace_id, kind, subject, audited)
     select gen_random_uuid(), 'agent', gen_random_uuid()::text, false from generate_series(1, 100000)`,
  )
  await database.asSuperuser('analyze nora.changes')
  // A look goes back to the oldest transaction that is still open on the whole server, also in the databases of other tests.
  await waitUntil(
    'every transaction from before these marks to end',
    async () => {
      const [row] = await database.asSuperuser<{ past: boolean }>(
        `select pg_snapshot_xmin(pg_current_snapshot()) > xid as past from nora.changes order by xid desc limit 1`,
      )
      return row!.past
    },
    { deadlineMs: 120_000 },
  )
  let since = (await look(null))!.seen
  const before = await scans()
  for (let turn = 0; turn < 20; turn++) {
    await database.asSuperuser(
      `insert into nora.changes (workspace_id, kind, subject, audited) values (gen_random_uuid(), 'agent', 'x', false)`,
    )
    const seen = (await look(since))!
    expect(seen.topics).toEqual([])
    since = seen.seen
  }
  // The statistics of other connections are written when they end a transaction, at the latest a second later.
  await database.app.destroy()
  const after = await waitUntil('the reading to be counted', async () => {
    const now = await scans()
    return now.read > before.read ? now : undefined
  })
  expect(after.whole - before.whole).toBe(0)
  expect(after.read - before.read).toBeLessThan(2_000)
})
