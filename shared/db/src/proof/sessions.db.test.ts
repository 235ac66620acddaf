import { createHash, randomBytes } from 'node:crypto'
import { type Person, person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { waitUntil } from '@nora/testing/wait-until'
import { type Kysely, sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { rotateRefresh } from '../accounts.ts'
import { refusalOf, withActor } from '../actor.ts'
import { connect } from '../connect.ts'
import type { DB } from '../schema.ts'
import { requireRecentProof } from '../sessions.ts'

const database = testDatabase()
const sha256 = (value: Buffer | string) => createHash('sha256').update(value).digest()
const day = 86_400

/** Gives somebody a password whose proof the test knows. */
async function withPassword(name: string): Promise<{ someone: Person; proof: Buffer }> {
  const someone = await person(database, name)
  const proof = randomBytes(32)
  await database.asSuperuser('update nora.users set password_verifier = $1 where id = $2', [
    sha256(proof),
    someone.userId,
  ])
  return { someone, proof }
}

const openSession = (db: Kysely<DB>, someone: Person, proof: Buffer) =>
  sql<{
    id: string
  }>`select id from nora.open_session(${someone.userId}, ${proof}, 'bearer', ${randomBytes(32)},
    ${randomBytes(32)}, interval '1 day', interval '7 days', null, 'test', 'test')`.execute(db)

const changePassword = (db: Kysely<DB>, someone: Person, proof: Buffer) =>
  withActor(db, someone.actor, (tx) =>
    sql`select nora.change_password(${someone.sessionId}, ${proof}, '$argon2id$', ${sha256(randomBytes(32))}, null,
      'test')`.execute(tx),
  )

const live = async (someone: Person) =>
  (
    await database.asSuperuser<{ id: string }>(
      'select id from nora.sessions where user_id = $1 and revoked_at is null',
      [someone.userId],
    )
  ).map(({ id }) => id)

const waitingForALock = async () => {
  const [row] = await database.asSuperuser<{ n: number }>(
    `select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  )
  return row!.n > 0
}

describe('a change of the password and a sign-in by the old one that meet', () => {
  test('the sign-in was first, and is not committed yet: the change waits for it and ends it', async () => {
    const { someone, proof } = await withPassword('first')
    let change: Promise<unknown> | undefined
    await database.app.transaction().execute(async (tx) => {
      expect((await openSession(tx, someone, proof)).rows).toHaveLength(1)
      change = changePassword(database.app, someone, proof)
      await waitUntil('the change to wait', waitingForALock)
    })
    await change
    expect(await live(someone)).toEqual([someone.sessionId])
  })

  test('the change was first: the sign-in waits for it and is refused', async () => {
    const { someone, proof } = await withPassword('second')
    let signIn: ReturnType<typeof openSession> | undefined
    await withActor(database.app, someone.actor, async (tx) => {
      await sql`select nora.change_password(${someone.sessionId}, ${proof}, '$argon2id$', ${sha256(randomBytes(32))},
        null, 'test')`.execute(tx)
      signIn = openSession(database.app, someone, proof)
      await waitUntil('the sign-in to wait', waitingForALock)
    })
    expect((await signIn)?.rows).toEqual([])
    expect(await live(someone)).toEqual([someone.sessionId])
  })
})

describe('a refresh', () => {
  const url = (bytes: Buffer) => bytes.toString('base64url')
  const refresh = (token: string, secret: Buffer) =>
    rotateRefresh(database.app, {
      tokenHash: sha256(token),
      secret,
      idleSeconds: day,
      ip: null,
      correlationId: 'test',
    })
  async function firstToken(name: string) {
    const someone = await person(database, name)
    const token = `${url(randomBytes(32))}.${url(someone.secret)}`
    await database.asSuperuser('insert into nora.refresh_tokens (token_hash, session_id) values ($1, $2)', [
      sha256(token),
      someone.sessionId,
    ])
    return { someone, token }
  }

  test('gives the token that the next one is, as base64url writes it', async () => {
    const { someone, token } = await firstToken('chain')
    let current = token
    for (let n = 0; n < 8; n++) {
      const { outcome, successor } = await refresh(current, someone.secret)
      expect([outcome, successor?.length]).toEqual(['rotated', 32])
      current = `${url(successor!)}.${url(someone.secret)}`
    }
  })

  test('is the same again within the grace, and another for every token', async () => {
    const [one, two] = [await firstToken('one'), await firstToken('two')]
    const first = await refresh(one.token, one.someone.secret)
    const again = await refresh(one.token, one.someone.secret)
    expect([again.outcome, again.successor]).toEqual(['grace', first.successor])
    expect((await refresh(two.token, two.someone.secret)).successor).not.toEqual(first.successor)
  })

  test('gives nothing without the session’s secret, nor by another way', async () => {
    const { someone, token } = await firstToken('guarded')
    expect(await refresh(token, randomBytes(32))).toMatchObject({ outcome: 'invalid', successor: null })
    for (const call of [
      sql`select nora.refresh_successor(${sha256(token)})`,
      sql`select nora.context_mac('refresh-successor|x')`,
      sql`select token_hash from nora.refresh_tokens`,
      sql`select proven_at from nora.sessions`,
    ]) {
      const refused = withActor(database.app, someone.actor, (tx) => call.execute(tx))
      await expect(refused.catch((error) => error.code)).resolves.toBe('42501')
    }
  })
})

describe('a recent proof', () => {
  const recent = (someone: Person, secret = someone.secret) =>
    requireRecentProof(database.app, { ...someone.actor, secret }).then(
      () => 'given',
      (error) => refusalOf(error)?.code,
    )
  const age = (someone: Person, minutes: number) =>
    database.asSuperuser(
      `update nora.sessions set proven_at = proven_at - make_interval(mins => $2) where id = $1`,
      [someone.sessionId, minutes],
    )

  test('is ten minutes old at the most, of this very session, and comes again by a step-up', async () => {
    const { someone, proof } = await withPassword('recent')
    expect(await recent(someone)).toBe('given')
    expect(await recent(someone, randomBytes(32))).toBe('step-up-required')
    await age(someone, 9)
    expect(await recent(someone)).toBe('given')
    await age(someone, 2)
    expect(await recent(someone)).toBe('step-up-required')
    await withActor(database.app, someone.actor, (tx) =>
      sql`select nora.step_up(${someone.sessionId}, ${someone.secret}, ${proof}, null, 'test')`.execute(tx),
    )
    expect(await recent(someone)).toBe('given')
    await database.asSuperuser('update nora.sessions set revoked_at = now() where id = $1', [
      someone.sessionId,
    ])
    expect(await recent(someone)).toBe('step-up-required')
  })

  test('is not had by a session that was opened by something else than a password', async () => {
    const someone = await person(database, 'elsewhere')
    await database.asSuperuser('update nora.sessions set proven_at = null where id = $1', [someone.sessionId])
    expect(await recent(someone)).toBe('step-up-required')
  })
})

test('a hundred claims that reach the database at once make one admin', async () => {
  await database.asSuperuser('update nora.installation set claimed_at = null, claimed_by = null')
  const before = await database.asSuperuser(`select 1 from nora.users where platform_role = 'admin'`)
  const many = connect({
    databaseUrl: database.appUrl,
    applicationName: 'test-many',
    max: 40,
    // Sixty wait for a connection meanwhile, however long a busy machine takes for the others.
    connectMs: 60_000,
    answerMs: 60_000,
    onError: () => undefined,
  })
  try {
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, async (_, n) => {
        const { rows } = await sql<{ outcome: string }>`select nora.sign_up(${`claim-${n}@example.test`}, '',
          '$argon2id$', ${sha256(randomBytes(32))}, true, true, null, 'test') as outcome`.execute(many)
        return rows[0]!.outcome
      }),
    )
    expect(outcomes.sort()).toEqual(['claimed', ...Array.from({ length: 99 }, () => 'created')])
  } finally {
    await many.destroy()
  }
  const admins = await database.asSuperuser(`select 1 from nora.users where platform_role = 'admin'`)
  expect(admins).toHaveLength(before.length + 1)
})
