import { canonicalEntry, genesis, hashEntry, isSignedBy } from '@nora/crypto/audit-chain'
import { checkpointsAfter } from '@nora/db/audit-chain'
import { type TestDatabase, testDatabase } from '@nora/testing/postgres'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { AuditBroken, chainRound, wireCheckpoint } from './chain.ts'
import { chainAll, chainDeps, nothing, writeRows } from './testing/audit-rows.ts'

type Row = { position: string; previous: Buffer; hash: Buffer; seq: string; entry: string }
const chainOf = (database: TestDatabase) =>
  database.asSuperuser<Row>(`select c.position, c.previous, c.hash, c.seq, nora.audit_entry(a) as entry
    from nora.audit_chain c join nora.audit_log a on a.seq = c.seq order by c.position`)

/** The chain of a database, checked link by link against the log. */
async function expectWhole(database: TestDatabase): Promise<Row[]> {
  const rows = await chainOf(database)
  let previous = genesis
  for (const [index, row] of rows.entries()) {
    expect(Number(row.position)).toBe(index + 1)
    expect(row.previous).toEqual(previous)
    expect(row.hash).toEqual(hashEntry(previous, row.entry))
    previous = row.hash
  }
  const [counts] = await database.asSuperuser<{ log: number; chained: number; waiting: number }>(
    `select (select count(*) from nora.audit_log)::int as log, (select count(distinct seq) from nora.audit_chain)::int as chained,
      (select count(*) from nora.audit_pending)::int as waiting`,
  )
  expect(counts!.chained + counts!.waiting).toBe(counts!.log)
  expect(counts!.chained).toBe(rows.length)
  return rows
}

describe('chaining', () => {
  const database = testDatabase()

  test('gives every row one place, whatever is in it, and signs the end', async () => {
    const deps = chainDeps(database)
    await writeRows(database, 3)
    await writeRows(database, 1, {
      text: '"\\\u0001\b\f\n\r\t\u007f\u2028é漢😀/<',
      '': [null, true, { a: [] }],
    })
    // A number that no double holds must neither stop the chain nor be rounded into it.
    await database.asSuperuser(
      `select nora.write_audit('TEST_ROW', 'system', 'system', null, 'test', E'a\\tb"\\\\', null, null,
        '{"big": 123456789012345678901234567890.5, "huge": 1e400}')`,
    )
    expect(await chainRound(deps, nothing)).toEqual({ chained: 5, signed: true, more: false })
    const rows = await expectWhole(database)
    for (const { entry } of rows) expect(canonicalEntry(JSON.parse(entry))).toBe(entry)
    expect(rows[4]!.entry).toContain('123456789012345678901234567890.5')
    const [checkpoint] = await checkpointsAfter(database.worker, 0, 10)
    expect(checkpoint).toMatchObject({ position: 5, hash: rows[4]!.hash })
    expect(isSignedBy(deps.auditKeys[0].publicKey, wireCheckpoint(checkpoint!))).toBe(true)
    expect(await chainRound(deps, nothing)).toEqual({ chained: 0, signed: false, more: false })
  })

  test('never skips a row that commits late', async () => {
    const deps = chainDeps(database)
    const late = new pg.Client(database.superuserUrl)
    await late.connect()
    try {
      await late.query('begin')
      const write = (client: { query: (text: string) => Promise<unknown> }, id: string) =>
        client.query(
          `select nora.write_audit('TEST_ROW', 'system', 'system', null, 'test', '${id}', null, null, '{}')`,
        )
      await write(late, 'late')
      await write({ query: (text) => database.asSuperuser(text) }, 'early')
      await chainAll(deps)
      await late.query('commit')
      await chainAll(deps)
    } finally {
      await late.end()
    }
    const ends = (await expectWhole(database)).slice(-2).map((row) => JSON.parse(row.entry))
    expect(ends.map((entry) => entry.target_id)).toEqual(['early', 'late'])
    expect(ends[0].seq).toBeGreaterThan(ends[1].seq)
  })

  test('a row that is rolled back leaves no gap in the chain', async () => {
    await database.asSuperuser(`do $$ begin
      perform nora.write_audit('TEST_ROW', 'system', 'system', null, 'test', 'gone', null, null, '{}');
      raise exception 'no';
    exception when others then null; end $$`)
    await writeRows(database, 1)
    await chainAll(chainDeps(database))
    expect((await expectWhole(database)).map((row) => row.entry).join()).not.toContain('"gone"')
  })

  test('signs each minute or every 1000 rows, and not what is signed', async () => {
    const deps = chainDeps(database)
    const count = async () => (await checkpointsAfter(database.worker, 0, 100)).length
    // From a signature of this moment on: how long the tests before took is nothing to its minute.
    await writeRows(database, 1_000)
    await chainAll(deps)
    const before = await count()
    await writeRows(database, 10)
    expect(await chainRound(deps, nothing)).toMatchObject({ chained: 10, signed: false })
    await database.asSuperuser(`update nora.audit_checkpoints set made_at = made_at - interval '1 minute'
      where position = (select max(position) from nora.audit_checkpoints)`)
    // The one that was tampered with is no ground to build on.
    await expect(chainRound(deps, nothing)).rejects.toThrow('its checkpoint was not signed')
    await database.asSuperuser(`update nora.audit_checkpoints set made_at = made_at + interval '1 minute'
      where position = (select max(position) from nora.audit_checkpoints)`)
    expect(await count()).toBe(before)
    await writeRows(database, 2_100)
    await chainAll(deps)
    expect(await count()).toBe(before + 2)
    await expectWhole(database)
  })
})

const rekeyed = testDatabase()

describe('several chainers', () => {
  const database = testDatabase()

  test('make one chain without a fork, a gap or a row twice, while rows keep coming', async () => {
    const workers = Array.from({ length: 6 }, () => chainDeps(database))
    const writing = Promise.all(Array.from({ length: 10 }, () => writeRows(database, 30)))
    let written = false
    void writing.then(() => {
      written = true
    })
    await Promise.all(
      workers.map(async (deps) => {
        while (!written) await chainRound(deps, nothing)
        await chainAll(deps)
      }),
    )
    await writing
    await chainAll(workers[0]!)
    expect(await expectWhole(database)).toHaveLength(300)
  })

  test('one that dies in the middle leaves nothing behind, and holds nobody up', async () => {
    await writeRows(database, 5)
    const dying = new pg.Client(database.workerUrl)
    dying.on('error', () => undefined)
    await dying.connect()
    await dying.query('begin')
    await dying.query('select * from nora.hold_audit_chain(0)')
    const { rows } = await dying.query('select * from nora.chain_audit(100)')
    expect(rows[0].chained).toBe(5)
    const next = chainRound(chainDeps(database), nothing)
    const [{ pid }] = (await dying.query('select pg_backend_pid() as pid')).rows as [{ pid: number }]
    await database.asSuperuser('select pg_terminate_backend($1)', [pid])
    expect(await next).toMatchObject({ chained: 5 })
    await expectWhole(database)
  })
})

test('after the key was exchanged nothing depends on the old one any more, even where nothing else happens', async () => {
  const [old, both, fresh] = [chainDeps(rekeyed), chainDeps(rekeyed, 6), chainDeps(rekeyed, 6)]
  await writeRows(rekeyed, 3)
  await chainAll(old)
  await expect(chainRound(fresh, nothing)).rejects.toThrow('sealed with another key')
  const round = () =>
    chainRound({ ...both, db: both.db, auditKeys: [...both.auditKeys, ...old.auditKeys] }, nothing)
  expect(await round()).toEqual({ chained: 1, signed: true, more: false })
  expect(await round()).toEqual({ chained: 0, signed: false, more: false })
  const [last] = (await expectWhole(rekeyed)).slice(-1)
  expect(JSON.parse(last!.entry)).toMatchObject({ event_type: 'AUDIT_KEY_CHANGED' })
  await writeRows(rekeyed, 1_001)
  expect(await chainRound(fresh, nothing)).toMatchObject({ chained: 1_000, signed: true })
})

describe('what was done to the chain by hand', () => {
  const database = testDatabase()
  const deps = () => chainDeps(database)
  const broken = async (known = nothing) => {
    await writeRows(database, 1)
    return chainRound(deps(), known).then(
      () => 'went on',
      (error) => {
        expect(error).toBeInstanceOf(AuditBroken)
        return (error as Error).message
      },
    )
  }
  const dueAgain = `update nora.audit_head set chained_at = now()`

  test('an end that was written anew is not chained on', async () => {
    await writeRows(database, 3)
    await chainAll(deps())
    // The superuser changes the newest row and computes the rest of the chain again, as everybody can.
    await database.asSuperuser(
      `update nora.audit_log set details = '{"edited": true}' where seq = (select max(seq) from nora.audit_log)`,
    )
    await database.asSuperuser(`with e as (select c.position, sha256('\\x01'::bytea || c.previous || convert_to(nora.audit_entry(a), 'UTF8')) as hash
        from nora.audit_chain c join nora.audit_log a on a.seq = c.seq order by c.position desc limit 1),
      c as (update nora.audit_chain c set hash = e.hash from e where c.position = e.position)
      update nora.audit_head h set hash = e.hash from e`)
    expect(await broken()).toContain('position 3: its end was not made by a worker')
  })

  test('another installation’s key does not seal it', async () => {
    await expect(chainRound(chainDeps(database, 6), nothing)).rejects.toThrow('sealed with another key')
  })

  test('a tail that was cut off, and another past, are noticed by what was written down', async () => {
    const known = { position: 3, hash: Buffer.alloc(32, 1) }
    expect(await broken(known)).toContain('position 3: it is not what this worker has written down')
    expect(await broken({ ...known, position: 9 })).toContain('position 4: its tail is cut off')
    await database.asSuperuser(dueAgain)
  })

  test('an old row that was changed is noticed before anything is signed', async () => {
    const other = chainDeps(database)
    await database.asSuperuser(`truncate nora.audit_chain, nora.audit_checkpoints, nora.audit_pending;
      update nora.audit_head set position = 0, hash = decode(repeat('00', 32), 'hex'), kid = null, mac = null`)
    await writeRows(database, 2)
    await chainAll(other)
    await writeRows(database, 2)
    await chainAll(other)
    await database.asSuperuser(
      `update nora.audit_log set target_id = 'other' where seq = (select seq from nora.audit_chain where position = 3)`,
    )
    await writeRows(database, 1_000)
    await expect(chainRound(other, nothing)).rejects.toThrow('position 3: its row was changed')
    const signed = await checkpointsAfter(database.worker, 0, 10)
    expect(signed.map((one) => one.position)).toEqual([2])
  })

  test('all of it gone is a cut tail for whoever holds a checkpoint', async () => {
    await database.asSuperuser(`truncate nora.audit_chain, nora.audit_pending;
      update nora.audit_head set position = 0, hash = decode(repeat('00', 32), 'hex'), kid = null, mac = null`)
    expect(await broken()).toContain('position 1: its tail is cut off: 2 was signed')
  })
})
