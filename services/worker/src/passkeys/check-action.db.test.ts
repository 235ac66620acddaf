import { randomBytes, randomUUID } from 'node:crypto'
import { actionWord, keepWord } from '@nora/db/action-words'
import { refusalOf, type SessionActor, withActor } from '@nora/db/actor'
import { enrolApi } from '@nora/db/identities'
import { addPasskey, myPasskeys } from '@nora/db/passkeys'
import { type ActionClaim, actionChallenge } from '@nora/passkeys/action-challenge'
import { relyingPartyOf } from '@nora/passkeys/relying-party'
import { type Authenticator, authenticator } from '@nora/passkeys/testing/authenticator'
import { type Person, person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { sql } from 'kysely'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { leased, storeAgent } from '../secrets/testing/arrange.ts'
import { checkAction } from './check-action.ts'

// A compromised api: it has the database connection, its proof, and every session that passes through it. What it stores
// here is what such an api could store; what must hold is what the worker makes of it.

const database = testDatabase()
const apiProof = randomBytes(32)
const party = relyingPartyOf('http://localhost:8080')
const from = { ip: null, correlationId: 'test' }
let alice: Person
let device: Authenticator
let agentId: string

const inSession = <T>(who: Person, run: Parameters<typeof withActor<SessionActor, T>>[2]) =>
  withActor(database.app, who.actor, run)

async function enrol(who: Person, one: Authenticator): Promise<void> {
  await database.asSuperuser(
    `update nora.sessions set stepped_up_until = now() + interval '5 minutes' where id = $1`,
    [who.sessionId],
  )
  const passkey = {
    ...{ credentialId: Buffer.from(one.id, 'base64url'), publicKey: one.publicKey, counter: 0 },
    ...{ transports: [], label: 'Key', backedUp: false },
  }
  await inSession(who, (tx) => addPasskey(tx, who.actor, apiProof, passkey, from))
}

type Stored = Partial<ActionClaim> & { assertion?: unknown; signed?: Partial<ActionClaim> }

/** Stores a word as an api could that says whatever it likes; `signed` is what the authenticator was really asked. */
async function store(who: Person, by: Authenticator, changes: Stored = {}): Promise<ActionClaim> {
  const { assertion, signed, ...rest } = changes
  const claim: ActionClaim = {
    ...{ action: 'exchange:trade', targetId: randomUUID(), userId: who.userId, nonce: randomBytes(32) },
    ...rest,
  }
  const given = assertion ?? by.assert({ challenge: actionChallenge({ ...claim, ...signed }) })
  const [passkey] = await inSession(who, (tx) => myPasskeys(tx))
  await inSession(who, (tx) =>
    keepWord(
      tx,
      who.actor,
      apiProof,
      {
        ...{ action: claim.action, targetId: claim.targetId, nonce: claim.nonce, assertion: given },
        ...{ passkeyId: passkey!.id, counter: nextCounter++ },
      },
      from,
    ),
  )
  return claim
}
let nextCounter = 1000

const check = async (
  claim: Pick<ActionClaim, 'action' | 'targetId' | 'userId'>,
  options: { once?: boolean; party?: typeof party | null } = {},
) => {
  const actor = await leased(database, alice, { agent: agentId })
  try {
    const using = options.party === null ? undefined : (options.party ?? party)
    return await withActor(database.worker, actor, (tx) =>
      checkAction(tx, using, claim, { once: options.once ?? false }),
    )
  } finally {
    await database.asSuperuser(`update nora.operations set status = 'succeeded' where id = $1`, [
      actor.operationId,
    ])
  }
}

beforeAll(async () => {
  alice = await person(database, 'alice')
  await enrolApi(database.app, apiProof)
  agentId = await storeAgent(database, alice)
})
beforeEach(async () => {
  await database.asSuperuser('delete from nora.passkeys')
  device = authenticator()
  await enrol(alice, device)
})

describe('a passkey’s word', () => {
  test('is confirmed for what it was given for, again and again until it is spent', async () => {
    const claim = await store(alice, device)
    expect(await check(claim)).toBe('confirmed')
    expect(await check(claim)).toBe('confirmed')
    await database.asSuperuser('update nora.action_assertions set spent_at = now()')
    expect(await check(claim)).toBe('missing')
  })

  test('for a terminal works once, also when two workers look at the same time', async () => {
    const claim = await store(alice, device, { action: 'agent:exec' })
    const actor = await leased(database, alice, { agent: agentId })
    const verdicts = await Promise.all(
      Array.from({ length: 4 }, () =>
        withActor(database.worker, actor, (tx) => checkAction(tx, party, claim, { once: true })),
      ),
    )
    expect(verdicts.filter((verdict) => verdict === 'confirmed')).toHaveLength(1)
    expect(verdicts.every((verdict) => ['confirmed', 'spent', 'missing'].includes(verdict))).toBe(true)
    await database.asSuperuser(`update nora.operations set status = 'succeeded' where id = $1`, [
      actor.operationId,
    ])
    expect(await check(claim, { once: true })).toBe('missing')
  })

  const elsewhere: [string, Partial<ActionClaim>][] = [
    ['another thing', { targetId: randomUUID() }],
    ['another action', { action: 'agent:exec' }],
    ['another person', { userId: randomUUID() }],
    ['another moment', { nonce: randomBytes(32) }],
  ]
  test.each(elsewhere)('that was given for %s is not this one', async (_, signed) => {
    expect(await check(await store(alice, device, { signed }))).toBe('invalid')
  })

  test('of a sign-in or a step-up, of another key, of another origin, or made up, is none', async () => {
    const stranger = authenticator()
    for (const assertion of [
      device.assert({ challenge: randomBytes(32).toString('base64url') }),
      { id: device.id, response: {} },
      {},
      'text',
    ]) {
      expect(await check(await store(alice, device, { assertion }))).toBe('invalid')
    }
    expect(await check(await store(alice, stranger))).toBe('invalid')
    const evil = authenticator('http://evil.test')
    expect(await check(await store(alice, evil))).toBe('invalid')
    const claim = await store(alice, device)
    const other = relyingPartyOf('https://nora.our-domain.org')
    expect(await check(claim, { party: other! })).toBe('invalid')
  })

  test('is looked for only where somebody has a passkey, and nothing is confirmed by a worker that does not know its address', async () => {
    const claim = await store(alice, device)
    expect(await check(claim, { party: null })).toBe('no-relying-party')
    expect(await check({ ...claim, targetId: randomUUID() })).toBe('missing')
    await database.asSuperuser('delete from nora.passkeys')
    expect(await check(claim)).toBe('not-enrolled')
  })

  test('goes with the passkey that gave it, although another one stays', async () => {
    const claim = await store(alice, device)
    await enrol(alice, authenticator())
    await database.asSuperuser('delete from nora.passkeys where credential_id = $1', [
      Buffer.from(device.id, 'base64url'),
    ])
    expect(await check(claim)).toBe('missing')
  })
})

describe('the api', () => {
  const codeOf = (error: unknown) => refusalOf(error)?.code ?? (error as { code?: string }).code

  test('cannot bring a spent word back: its nonce is kept for good, and it fits no other', async () => {
    const claim = await store(alice, device)
    const [row] = await database.asSuperuser<{ nonce: Buffer; assertion: unknown }>(
      'select nonce, assertion from nora.action_assertions where target_id = $1',
      [claim.targetId],
    )
    await database.asSuperuser('update nora.action_assertions set spent_at = now()')
    await expect(store(alice, device, claim).catch(codeOf)).resolves.toBe('23505')
    await store(alice, device, { ...claim, nonce: randomBytes(32), assertion: row!.assertion })
    expect(await check(claim)).toBe('invalid')
    for (const statement of [
      sql`update nora.action_assertions set spent_at = null`,
      sql`delete from nora.action_assertions`,
      sql`select nora.action_word('exchange:trade', ${claim.targetId}, ${alice.userId})`,
      sql`select nora.spend_word(${row!.nonce})`,
    ]) {
      await expect(inSession(alice, (tx) => statement.execute(tx)).catch(codeOf)).resolves.toBe('42501')
    }
  })

  test('a worker asks in an operation’s context, and of members alone', async () => {
    const stranger = await person(database, 'stranger')
    const claim = await store(alice, device)
    await expect(
      database.worker
        .transaction()
        .execute((tx) => actionWord(tx as never, claim))
        .catch(codeOf),
    ).resolves.toBe('forbidden')
    await expect(check({ ...claim, userId: stranger.userId }).catch(codeOf)).resolves.toBe('forbidden')
  })
})
