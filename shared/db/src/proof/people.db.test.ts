import { randomBytes, randomUUID } from 'node:crypto'
import { type Person, person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { waitUntil } from '@nora/testing/wait-until'
import { sql } from 'kysely'
import pg from 'pg'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { refusalOf, type SessionActor, type Tx, withActor } from '../actor.ts'
import { createInvitation } from '../invitations.ts'
import { removeMember, setMemberRole } from '../members.ts'

// What a statement smuggled into the api's connection could try about members, invitations and workspaces; and the
// last-owner rule with two transactions that really overlap.

const database = testDatabase()
const from = { ip: null, correlationId: 'test' }
let alice: Person
let mallory: Person
let workspaceId: string

beforeAll(async () => {
  alice = await person(database, 'alice')
  mallory = await person(database, 'mallory')
})
beforeEach(async () => {
  const [row] = await database.asSuperuser<{ id: string }>(
    `insert into nora.workspaces (name) values ('Team') returning id`,
  )
  workspaceId = row!.id
  await join(alice, 'owner')
  await database.asSuperuser(`update nora.sessions set stepped_up_until = now() + interval '9 minutes'`)
})

const join = (who: Person, role: string) =>
  database.asSuperuser(
    `insert into nora.memberships (workspace_id, user_id, role) values ($1, $2, $3)
     on conflict (workspace_id, user_id) do update set role = excluded.role`,
    [workspaceId, who.userId, role],
  )
const here = (who: Person): SessionActor => ({ ...who.actor, workspaceId })
const as = <T>(who: Person, run: (tx: Tx, actor: SessionActor) => Promise<T>) =>
  withActor(database.app, here(who), (tx) => run(tx, here(who)))
const codeOf = (error: unknown) => refusalOf(error)?.code ?? (error as { code?: string }).code
const roles = async () =>
  Object.fromEntries(
    (
      await database.asSuperuser<{ user_id: string; role: string }>(
        'select user_id, role from nora.memberships where workspace_id = $1',
        [workspaceId],
      )
    ).map((row) => [row.user_id, row.role]),
  )

test.each(['owner', 'admin', 'viewer'])(
  'a statement in the session of one who is %s writes no row by itself',
  async (role) => {
    await join(mallory, role)
    const before = await roles()
    const hash = randomBytes(32)
    const statements = [
      sql`update memberships set role = 'owner' where user_id = ${mallory.userId}`,
      sql`delete from memberships where user_id = ${alice.userId}`,
      sql`insert into memberships (workspace_id, user_id, role) values (${workspaceId}, ${randomUUID()}, 'owner')`,
      sql`update workspaces set personal_of = null, name = 'x'`,
      sql`delete from workspaces`,
      sql`insert into workspaces (name) values ('x')`,
      sql`insert into invitations (workspace_id, email, role, token_hash, invited_by, expires_at)
      values (${workspaceId}, ${mallory.email}, 'owner', ${hash}, ${alice.userId}, now() + interval '1 year')`,
      sql`update invitations set role = 'owner'`,
      sql`delete from invitations`,
      sql`select token_hash from invitations`,
      sql`select * from invitations`,
      sql`update sessions set stepped_up_until = now() + interval '1 year'`,
      sql`select nora.lock_members('viewer')`,
      sql`select nora.withdraw_keys(${alice.userId}, null, 'x')`,
      sql`select nora.clear_workspace(${workspaceId}, 1000)`,
      sql`select nora.sweep_workspaces()`,
      sql`select nora.erase_left_keys()`,
      sql`select nora.audit_here('FORGED', 'x', 'x', null, 'x', '{}')`,
      sql`select nora.require_step_up(${mallory.sessionId}, ${mallory.secret})`,
    ]
    for (const statement of statements) {
      const outcome = as(mallory, (tx) => statement.execute(tx)).then(() => 'done', codeOf)
      expect(await outcome, statement.compile(database.app).sql).toBe('42501')
    }
    expect(await roles()).toEqual(before)
  },
)

test('an invitation is seen by admins of its workspace alone', async () => {
  await as(alice, (tx, actor) =>
    createInvitation(
      tx,
      actor,
      { id: randomUUID(), email: 'x@example.test', role: 'viewer', tokenHash: randomBytes(32) },
      from,
    ),
  )
  const count = (actor: SessionActor) =>
    withActor(database.app, actor, async (tx) => {
      const { rows } = await sql<{ n: number }>`select count(*)::int as n from invitations`.execute(tx)
      return rows[0]!.n
    })
  expect(await count(here(alice))).toBe(1)
  expect(await count(alice.actor)).toBe(0)
  expect(await count(mallory.actor)).toBe(0)
  for (const [role, n] of [
    ['viewer', 0],
    ['editor', 0],
    ['admin', 1],
  ] as const) {
    await join(mallory, role)
    expect(await count(here(mallory))).toBe(n)
  }
})

test('one session’s step-up is of no use in another’s hands', async () => {
  await join(mallory, 'admin')
  const second = await person(database, 'second')
  await join(second, 'viewer')
  await database.asSuperuser('update nora.sessions set stepped_up_until = null where user_id = $1', [
    mallory.userId,
  ])
  // A second session of hers that has stepped up; the first one knows its id, not its secret.
  const secret = randomBytes(32)
  const [raised] = await database.asSuperuser<{ id: string }>(
    `insert into nora.sessions (user_id, transport, secret_hash, idle_expires_at, expires_at, stepped_up_until)
     values ($1, 'bearer', sha256($2), now() + interval '1 day', now() + interval '1 day', now() + interval '9 minutes') returning id`,
    [mallory.userId, secret],
  )
  const change = { userId: second.userId, role: 'editor', transfer: false } as const
  const proofs = [
    [raised!.id, mallory.secret],
    [alice.sessionId, alice.secret],
    [mallory.sessionId, mallory.secret],
    [raised!.id, Buffer.alloc(0)],
  ] as const
  for (const [sessionId, shown] of proofs) {
    const attempt = as(mallory, (tx, actor) =>
      setMemberRole(tx, { ...actor, sessionId, secret: shown }, change, from),
    )
    expect(await attempt.then(() => 'done', codeOf)).toBe('step-up-required')
  }
  await as(mallory, (tx, actor) =>
    setMemberRole(tx, { ...actor, sessionId: raised!.id, secret }, change, from),
  )
  expect((await roles())[second.userId]).toBe('editor')
})

test('a role that is none, and nothing, are above everybody', async () => {
  const second = await person(database, 'second')
  await join(second, 'viewer')
  for (const role of ['root', '', 'OWNER', null]) {
    const attempt = as(alice, (tx, { sessionId, secret }) =>
      sql`select nora.set_member_role(${sessionId}, ${secret}, ${second.userId}, ${role}, false, null, 'x')`.execute(
        tx,
      ),
    )
    expect(await attempt.then(() => 'done', codeOf)).toBe('role-too-high')
  }
})

test('without a person’s context none of it does anything', async () => {
  const attempts = [
    sql`select nora.create_workspace('x', null, 'x')`,
    sql`select nora.rename_workspace('x', null, 'x')`,
    sql`select nora.set_member_role(${alice.sessionId}, ${alice.secret}, ${alice.userId}, 'viewer', false, null, 'x')`,
    sql`select nora.remove_member(${alice.sessionId}, ${alice.secret}, ${alice.userId}, null, 'x')`,
    sql`select nora.create_invitation(${alice.sessionId}, ${alice.secret}, ${randomUUID()}, 'a@b.test', 'owner', ${randomBytes(32)}, null, 'x')`,
    sql`select nora.delete_invitation(${randomUUID()}, null, 'x')`,
    sql`select nora.accept_invitation(${randomBytes(32)}, null, 'x')`,
    sql`select nora.begin_workspace_end(null, 'x')`,
  ]
  for (const attempt of attempts) {
    const outcome = attempt.execute(database.app).then(() => 'done', codeOf)
    expect(['forbidden', 'not-found'], attempt.compile(database.app).sql).toContain(await outcome)
  }
  const { rows } = await sql`select * from nora.list_members(10, null, null, null)`.execute(database.app)
  expect(rows).toEqual([])
  await expect(
    sql`select nora.list_members(1, null, null, null)`.execute(database.worker),
  ).rejects.toMatchObject({
    code: '42501',
  })
})

describe('two owners whose transactions overlap', () => {
  const demote = (whom: Person) => (tx: Tx, actor: SessionActor) =>
    setMemberRole(tx, actor, { userId: whom.userId, role: 'viewer', transfer: false }, from)
  const remove = (whom: Person) => (tx: Tx, actor: SessionActor) => removeMember(tx, actor, whom.userId, from)
  type Act = (tx: Tx, actor: SessionActor) => Promise<unknown>
  // Names are looked up late: the people are made in beforeAll.
  const cases: [string, () => Act, () => Act, string][] = [
    ['both step down', () => demote(alice), () => demote(mallory), 'last-owner'],
    ['both leave', () => remove(alice), () => remove(mallory), 'last-owner'],
    ['one leaves, one steps down', () => remove(alice), () => demote(mallory), 'last-owner'],
    ['each demotes the other', () => demote(mallory), () => demote(alice), 'forbidden'],
    ['one is removed while leaving', () => remove(mallory), () => remove(mallory), 'not-found'],
  ]

  test.each(cases)('%s: the second decides by what the first has left', async (_, first, second, refusal) => {
    await join(mallory, 'owner')
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    let acted = false
    const one = as(alice, async (tx, actor) => {
      await first()(tx, actor)
      acted = true
      await held
    })
    await waitUntil('the first to have acted', () => acted)
    // It has entered, as an owner, before the first commits, and then waits for it.
    const two = as(mallory, (tx, actor) => second()(tx, actor)).then(() => 'done', codeOf)
    await waitUntil('the second to wait', async () => {
      const rows = await database.asSuperuser(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      )
      return rows.length > 0
    })
    release()
    await one
    expect(await two).toBe(refusal)
    expect(Object.values(await roles())).toContain('owner')
  })

  test('an older snapshot is no way around the lock', async () => {
    await join(mallory, 'owner')
    const client = new pg.Client(database.appUrl)
    await client.connect()
    try {
      const hex = (secret: Buffer) => `'\\x${secret.toString('hex')}'`
      await client.query('begin isolation level repeatable read')
      await client.query(
        `select * from nora.enter_session('${mallory.sessionId}', ${hex(mallory.secret)}, '${workspaceId}')`,
      )
      await as(alice, (tx, actor) => demote(alice)(tx, actor))
      const attempt = client.query(
        `select nora.set_member_role('${mallory.sessionId}', ${hex(mallory.secret)}, '${mallory.userId}', 'viewer', false, null, 'x')`,
      )
      await expect(attempt).rejects.toMatchObject({ code: '40001' })
    } finally {
      await client.end()
    }
    expect((await roles())[mallory.userId]).toBe('owner')
  })
})
