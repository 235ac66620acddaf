import { createHash, randomBytes } from 'node:crypto'
import { adminSession, type Person, person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { type RawBuilder, sql } from 'kysely'
import pg from 'pg'
import { beforeAll, expect, test } from 'vitest'
import { refusalOf, withActor } from '../actor.ts'
import { proveAdmin } from '../admin-session.ts'
import { enrolApi } from '../identities.ts'
import { addPasskey, myPasskeys, stepUpBySecondFactor } from '../passkeys.ts'

// What a statement smuggled into the api's connection could do about passkeys, also with a live session's proof at hand.

const database = testDatabase()
const apiProof = randomBytes(32)
const from = { ip: null, correlationId: 'test' }
let alice: Person

const passkey = () => ({
  ...{ credentialId: randomBytes(32), publicKey: randomBytes(77), counter: 1, transports: ['usb'] },
  ...{ label: 'Key', backedUp: false },
})
const raise = (who: Person) =>
  database.asSuperuser(
    `update nora.sessions set stepped_up_until = now() + interval '5 minutes' where id = $1`,
    [who.sessionId],
  )
const codeOf = (error: unknown) => refusalOf(error)?.code ?? (error as { code?: string }).code
const refusal = (work: Promise<unknown>) => work.then(() => 'done', codeOf)
const as = <T>(who: Person, statement: RawBuilder<T>) =>
  withActor(database.app, who.actor, (tx) => statement.execute(tx))

beforeAll(async () => {
  alice = await person(database, 'alice')
  await enrolApi(database.app, apiProof)
  await raise(alice)
  await withActor(database.app, alice.actor, (tx) => addPasskey(tx, alice.actor, apiProof, passkey(), from))
})

test('no function opens a session for whoever has a passkey without a second factor', async () => {
  // The right password, by the function that any other sign-in goes through.
  const proof = randomBytes(32)
  await database.asSuperuser('update nora.users set password_verifier = $1 where id = $2', [
    createHash('sha256').update(proof).digest(),
    alice.userId,
  ])
  const open =
    sql`select * from nora.open_session(${alice.userId}, ${proof}, 'bearer', ${randomBytes(32)}, ${randomBytes(32)},
    interval '1 day', interval '7 days', null, 'test', 'test')`.execute(database.app)
  expect(await refusal(open)).toBe('second-factor-required')
})

test('an injected statement adds no passkey and steps up with none: it has not the api’s proof', async () => {
  await raise(alice)
  const wrong = randomBytes(32)
  const add = withActor(database.app, alice.actor, (tx) =>
    addPasskey(tx, alice.actor, wrong, passkey(), from),
  )
  expect(await refusal(add)).toBe('forbidden')
  const mine = await withActor(database.app, alice.actor, (tx) => myPasskeys(tx))
  const factor = { passkeyId: mine[0]!.id, counter: 1000 }
  const step = withActor(database.app, alice.actor, (tx) =>
    stepUpBySecondFactor(tx, alice.actor, wrong, factor, from),
  )
  expect(await refusal(step)).toBe('forbidden')
  for (const statement of [
    sql`select nora.use_passkey(${alice.userId}, ${mine[0]!.id}, 5, null, 'x')`,
    sql`select nora.use_recovery_code(${alice.userId}, ${wrong}, null, 'x')`,
    sql`select nora.ask_second_factor(${wrong}, ${alice.userId}, 'cookie', null, null, 'x')`,
    sql`select nora.insert_second_session(${alice.userId}, 'passkey', 'bearer', ${wrong}, ${wrong}, interval '1 day',
      interval '1 day', null, 'x', 'x', '{}')`,
    sql`select nora.reset_passkeys(${alice.email})`,
    sql`select counter from nora.passkeys`,
    sql`select * from nora.recovery_codes`,
    sql`select * from nora.second_factors`,
    sql`select * from nora.passkey_challenges`,
    sql`insert into nora.passkeys (user_id, credential_id, public_key, counter, label, backed_up)
      values (${alice.userId}, ${wrong}, ${wrong}, 0, 'x', false)`,
    sql`update nora.passkeys set public_key = ${wrong}`,
    sql`delete from nora.passkeys`,
    sql`delete from nora.recovery_codes`,
    sql`update nora.sessions set second_factor = 'passkey'`,
  ]) {
    expect(await refusal(as(alice, statement))).toBe('42501')
  }
})

test('one sees one’s own passkeys alone', async () => {
  const bob = await person(database, 'bob')
  expect(await withActor(database.app, bob.actor, (tx) => myPasskeys(tx))).toEqual([])
  expect(await database.app.selectFrom('passkeys').select('id').execute()).toEqual([])
})

test('a step-up is of the session whose secret is shown, and a passkey of the person in the context', async () => {
  const bob = await person(database, 'bob')
  const [hers] = await withActor(database.app, alice.actor, (tx) => myPasskeys(tx))
  const factor = { passkeyId: hers!.id, counter: 50 }
  const by = (who: Person, session: Person) =>
    withActor(database.app, who.actor, (tx) =>
      stepUpBySecondFactor(tx, session.actor, apiProof, factor, from),
    )
  expect(await by(bob, bob)).toBe(false)
  expect(await by(alice, { ...alice, actor: { ...alice.actor, secret: randomBytes(32) } })).toBe(false)
  expect(await by(alice, alice)).toBe(false) // its counter is 50 by now
})

/** As `./setup.sh --reset-passkeys` and `--new-capability-key` call it. */
async function asMigrator<T>(call: string, values: unknown[]): Promise<T> {
  const client = new pg.Client({ connectionString: database.migratorUrl })
  await client.connect()
  try {
    return (await client.query(`select ${call} as result`, values)).rows[0].result
  } finally {
    await client.end()
  }
}

test('the operator’s reset takes passkeys, codes and sessions, and says how many', async () => {
  const carol = await person(database, 'carol')
  await raise(carol)
  await withActor(database.app, carol.actor, (tx) => addPasskey(tx, carol.actor, apiProof, passkey(), from))
  await database.asSuperuser(`update nora.users set platform_role = 'admin' where id = $1`, [carol.userId])
  const asAdmin = await adminSession(database, carol.userId, { steppedUp: false })
  expect(await refusal(proveAdmin(database.app, asAdmin))).toBe('second-factor-required')
  expect(await asMigrator('nora.reset_passkeys($1)', [carol.email.toUpperCase()])).toBe(1)
  expect(await refusal(as(carol, sql`select 1`))).toBe('session-invalid')
  expect(await refusal(proveAdmin(database.app, asAdmin))).toBe('session-invalid')
  const [row] = await database.asSuperuser(
    `select actor_kind, details from nora.audit_log where event_type = 'PASSKEYS_RESET' and target_id = $1`,
    [carol.userId],
  )
  expect(row).toEqual({ actor_kind: 'system', details: { passkeys: 1 } })
  await expect(asMigrator('nora.reset_passkeys($1)', ['nobody@nora.test'])).rejects.toMatchObject({
    code: 'NR404',
  })
})

test('another api’s proof is taken when the operator says so, and then the old one no more', async () => {
  const next = randomBytes(32)
  expect(await enrolApi(database.app, next)).toBe(false)
  await asMigrator('nora.forget_api_proof()', [])
  expect([await enrolApi(database.app, next), await enrolApi(database.app, apiProof)]).toEqual([true, false])
})
