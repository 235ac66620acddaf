import { randomUUID } from 'node:crypto'
import { type Person, person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { sql } from 'kysely'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Actor, type Tx, withActor } from '../actor.ts'
import { leaseOperation } from '../leases.ts'

// What a statement of any kind can do with an exchange credential, whoever smuggles it into whose connection.

const database = testDatabase()
let alice: Person
let boss: Person
/** The boss, an owner of alice's workspace, in it. */
let inside: Actor
let agents: { alices: string; bosss: string }
let id: string

beforeAll(async () => {
  alice = await person(database, 'alice')
  boss = await person(database, 'boss')
  await database.asSuperuser(
    `insert into nora.memberships (workspace_id, user_id, role) values ($1, $2, 'owner')`,
    [alice.workspaceId, boss.userId],
  )
  inside = { ...boss.actor, workspaceId: alice.workspaceId }
  agents = { alices: await agentOf(alice.userId), bosss: await agentOf(boss.userId) }
})
beforeEach(async () => {
  id = await credential()
})

async function agentOf(owner: string): Promise<string> {
  const agentId = randomUUID()
  await database.asSuperuser(
    `insert into nora.agents (id, workspace_id, owner_id, name, runtime, target, sandbox_profile, cpus, memory_mb, disk_mb, pids)
     values ($1, $2, $3, 'a', 'starter', 'docker', 'standard', 1, 64, 64, 32)`,
    [agentId, alice.workspaceId, owner],
  )
  return agentId
}

/** As nora_app writes one in alice's name. */
async function credential(more: Record<string, unknown> = {}): Promise<string> {
  const row = {
    id: randomUUID(),
    workspace_id: alice.workspaceId,
    owner_id: alice.userId,
    kind: 'exchange',
    provider: 'binance',
    label: 'mine',
    sealed: Buffer.alloc(192, 1),
    suite: 1,
    key_version: 1,
    fingerprint: '00000000',
    permission: 'read_only',
    ...more,
  }
  const names = Object.keys(row).join(', ')
  await withActor(database.app, alice.actor, (tx) =>
    sql`insert into nora.credentials (${sql.raw(names)}) values (${sql.join(Object.values(row))})`.execute(
      tx,
    ),
  )
  return row.id
}

/** How many rows a statement gives or changes. */
const affected = (actor: Actor, statement: string) =>
  withActor(database.app, actor, async (tx) => {
    const { rows, numAffectedRows = 0n } = await sql.raw(statement).execute(tx)
    return Math.max(rows.length, Number(numAffectedRows))
  })
const refused = async (actor: Actor, statement: string) => {
  const error = await affected(actor, statement).catch((caught: { code?: string }) => caught)
  expect(error, statement).toHaveProperty('code', expect.stringMatching(/^(42501|23514)$/))
}
const permissionNow = async () =>
  (await database.asSuperuser('select permission from nora.credentials where id = $1', [id]))[0]![
    'permission'
  ]
const setPermission = (tx: Tx, who: Person, permission: string, secret = who.secret) =>
  sql`select nora.set_permission(${who.sessionId}, ${secret}, ${id}, ${permission}, null, 'test')`.execute(tx)
const steppedUp = (who: Person) =>
  database.asSuperuser(
    `update nora.sessions set stepped_up_until = now() + interval '5 minutes' where id = $1`,
    [who.sessionId],
  )

describe('to everybody but its owner', () => {
  test('there is no such row, not even to an owner of the workspace', async () => {
    expect(await affected(alice.actor, `select id from nora.credentials where id = '${id}'`)).toBe(1)
    for (const statement of [
      `select id from nora.credentials where kind = 'exchange'`,
      `update nora.credentials set label = 'mine' where id = '${id}'`,
      `update nora.credentials set label = 'mine'`,
      `delete from nora.credentials`,
      `select count(*) from nora.credentials having count(*) > 0`,
    ]) {
      expect(await affected(inside, statement), statement).toBe(0)
    }
    expect(await permissionNow()).toBe('read_only')
  })

  test('nor what was asked about it', async () => {
    const ask = `insert into nora.operations (workspace_id, credential_id, kind, requested_by) values ('${alice.workspaceId}', '${id}', 'test-key', `
    expect(await affected(alice.actor, `${ask} '${alice.userId}')`)).toBe(1)
    await refused(inside, `${ask} '${boss.userId}')`)
    expect(await affected(inside, `select id from nora.operations where credential_id is not null`)).toBe(0)
    const cancel = `update nora.operations set status = 'cancelled'`
    expect(await affected(inside, `${cancel} where credential_id = '${id}'`)).toBe(0)
    expect(await affected(inside, cancel)).toBe(0)
    expect(await affected(alice.actor, `${cancel} where credential_id = '${id}'`)).toBe(1)
  })

  test('nor can it be attached, and by its owner to own agents alone', async () => {
    const attach = (agent: string) =>
      `insert into nora.agent_credentials (workspace_id, agent_id, credential_id) values ('${alice.workspaceId}', '${agent}', '${id}')`
    for (const agent of Object.values(agents)) await refused(inside, attach(agent))
    await refused(alice.actor, attach(agents.bosss))
    expect(await affected(alice.actor, attach(agents.alices))).toBe(1)
  })

  test('nor to a worker whose operation is on an agent of somebody else, even if it is attached there', async () => {
    await database.asSuperuser(
      'insert into nora.agent_credentials (workspace_id, agent_id, credential_id) values ($1, $2, $3)',
      [alice.workspaceId, agents.bosss, id],
    )
    const seenBy = async (agentId: string) => {
      const operation = randomUUID()
      await database.asSuperuser(
        `insert into nora.operations (id, workspace_id, agent_id, kind) values ($1, $2, $3, 'sync-keys')`,
        [operation, alice.workspaceId, agentId],
      )
      const leased = await leaseOperation(database.worker, operation, 'worker', 60_000)
      const rows = await withActor(database.worker, leased!.actor, (tx) =>
        tx.selectFrom('credentials').select('id').execute(),
      )
      await database.asSuperuser(`update nora.operations set status = 'succeeded' where id = $1`, [operation])
      return rows.map((row) => row.id)
    }
    expect(await seenBy(agents.bosss)).toEqual([])
  })
})

describe('its owner, without the functions that ask', () => {
  test('cannot say that it may trade, by any statement', async () => {
    await refused(
      alice.actor,
      `update nora.credentials set permission = 'trading_enabled' where id = '${id}'`,
    )
    await expect(credential({ permission: 'trading_enabled' })).rejects.toMatchObject({ code: '42501' })
    await expect(credential({ permission: null })).rejects.toMatchObject({ code: '42501' })
    await expect(credential({ kind: 'llm' })).rejects.toMatchObject({ code: '42501' })
    expect(await permissionNow()).toBe('read_only')
  })

  test('cannot share it, make another kind of it, or give it away', async () => {
    for (const change of [
      `shared_with_workspace = true`,
      `kind = 'llm'`,
      `owner_id = '${boss.userId}'`,
      `workspace_id = '${boss.workspaceId}'`,
      `provider = 'openai'`,
    ]) {
      await refused(alice.actor, `update nora.credentials set ${change} where id = '${id}'`)
    }
    await expect(credential({ shared_with_workspace: true })).rejects.toMatchObject({ code: '42501' })
  })
})

describe('set_permission', () => {
  test('asks for the step-up of the very session that calls', async () => {
    const enable = (secret?: Buffer) =>
      withActor(database.app, alice.actor, (tx) => setPermission(tx, alice, 'trading_enabled', secret))
    await expect(enable()).rejects.toThrow('step-up-required')
    await steppedUp(alice)
    await expect(enable(Buffer.alloc(32))).rejects.toThrow('step-up-required')
    await steppedUp(boss)
    const borrowed = withActor(database.app, alice.actor, (tx) => setPermission(tx, boss, 'trading_enabled'))
    await expect(borrowed).rejects.toThrow('step-up-required')
    await enable()
    expect(await permissionNow()).toBe('trading_enabled')
  })

  test('is nobody else’s, and knows no third word', async () => {
    await steppedUp(boss)
    const attempt = withActor(database.app, inside, (tx) => setPermission(tx, boss, 'read_only'))
    await expect(attempt).rejects.toThrow('not-found')
    await steppedUp(alice)
    const word = withActor(database.app, alice.actor, (tx) => setPermission(tx, alice, 'withdraw'))
    await expect(word).rejects.toMatchObject({ code: '23514' })
    const parts = `select nora.require_trading_approval('${alice.sessionId}', '\\x00', '${id}')`
    await refused(alice.actor, parts)
  })

  test('another record, whoever writes it, is read-only again; one that is sealed anew under another key is not', async () => {
    await steppedUp(alice)
    const enable = () =>
      withActor(database.app, alice.actor, (tx) => setPermission(tx, alice, 'trading_enabled'))
    await enable()
    await affected(
      alice.actor,
      `update nora.credentials set label = 'x', updated_at = now() where id = '${id}'`,
    )
    expect(await permissionNow()).toBe('trading_enabled')
    const other = `'\\x${'02'.repeat(192)}'::bytea`
    await affected(alice.actor, `update nora.credentials set sealed = ${other} where id = '${id}'`)
    expect(await permissionNow()).toBe('read_only')
    await enable()
    await database.asSuperuser(
      `begin; set local role nora_definer;
       update nora.credentials set sealed = '\\x${'03'.repeat(192)}', key_version = 2 where id = '${id}'; commit`,
    )
    expect(await permissionNow()).toBe('trading_enabled')
  })

  test('an unsealed one stays read-only, also in the tables themselves', async () => {
    id = await credential({ suite: 0, key_version: 0 })
    await steppedUp(alice)
    const enable = withActor(database.app, alice.actor, (tx) => setPermission(tx, alice, 'trading_enabled'))
    await expect(enable).rejects.toMatchObject({ code: 'NR422' })
    const forced = database.asSuperuser(
      `update nora.credentials set permission = 'trading_enabled' where id = $1`,
      [id],
    )
    await expect(forced).rejects.toMatchObject({ code: '23514' })
  })
})
