import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { type Person, person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { tenantRows } from '@nora/testing/rows'
import { sql } from 'kysely'
import { beforeAll, describe, expect, test } from 'vitest'
import { type HubActor, refusalOf, type SessionActor, type Tx, withActor } from '../actor.ts'
import { createApiKey, rotateApiKey } from '../api-keys.ts'

// What a statement smuggled into the api's connection could try with workspace API keys: to make one, to enter as one, and to do
// more than its scopes within one.

const database = testDatabase()
const from = { ip: null, correlationId: 'test' }
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest()
const codeOf = (error: unknown) => refusalOf(error)?.code ?? (error as { code?: string }).code
let alice: Person
let mallory: Person
let keyCount = 0

beforeAll(async () => {
  alice = await person(database, 'alice')
  mallory = await person(database, 'mallory')
  await database.asSuperuser(`update nora.sessions set stepped_up_until = now() + interval '9 minutes'`)
})

type Scopes = Parameters<typeof createApiKey>[2]['scopes']
type Made = { id: string; actor: HubActor }

async function made(by: Person, scopes: Scopes, actor: SessionActor = by.actor): Promise<Made> {
  const [id, publicId, proof] = [randomUUID(), `k${String(keyCount++).padStart(9, '0')}`, randomBytes(32)]
  const key = { id, publicId, hash: sha256(proof), name: 'k', scopes, allowedCidrs: [], expiresAt: null }
  await withActor(database.app, actor, (tx) => createApiKey(tx, actor, key, from))
  return { id, actor: { kind: 'hub', publicId, proof, workspaceId: null, ip: null } }
}
const as = <T>({ actor }: Made, run: (tx: Tx) => Promise<T>) => withActor(database.app, actor, run)
const tried = ({ actor }: Made, statement: ReturnType<typeof sql>) =>
  withActor(database.app, actor, async (tx) =>
    Number((await statement.execute(tx)).numAffectedRows ?? 0),
  ).catch(codeOf)

test('a key acts as its maker, as no more than an editor, and what is stored of it opens nothing', async () => {
  const key = await made(alice, ['agents:read', 'agents:write'])
  const entered = await withActor(database.app, key.actor, async (tx, who) => {
    const { rows } =
      await sql`select nora.actor_kind() as kind, nora.actor() as actor, nora.workspace() as workspace,
      nora.role() as role, nora.api_key() as key, nora.may_write() as may`.execute(tx)
    return { who, context: rows[0] }
  })
  expect(entered).toEqual({
    who: {
      userId: alice.userId,
      workspaceId: alice.workspaceId,
      role: 'owner',
      apiKeyId: key.id,
      scopes: ['agents:read', 'agents:write'],
    },
    context: {
      ...{ kind: 'api_key', actor: alice.userId, workspace: alice.workspaceId },
      ...{ role: 'editor', key: key.id, may: false },
    },
  })
  const [row] = await database.asSuperuser<{ hash: Buffer }>(
    'select hash from nora.api_key_secrets where key_id = $1',
    [key.id],
  )
  for (const proof of [row!.hash, randomBytes(32), Buffer.alloc(0)]) {
    const entering = as({ ...key, actor: { ...key.actor, proof } }, async () => 'in')
    await expect(entering.catch(codeOf)).resolves.toBe('api-key-invalid')
  }
})

test('nobody reads what proves a key, nor writes keys past the functions', async () => {
  const key = await made(alice, ['agents:read'])
  const statements = [
    sql`select hash from api_key_secrets`,
    sql`insert into api_key_secrets (hash, key_id, ends_at) values (${randomBytes(32)}, ${key.id}, now() + interval '1 day')`,
    sql`update api_keys set scopes = '{agents:write}'`,
    sql`update api_keys set expires_at = now() + interval '300 days'`,
    sql`delete from api_keys`,
    sql`insert into api_keys (id, workspace_id, created_by, public_id, name, scopes, expires_at) values
      (${randomUUID()}, ${alice.workspaceId}, ${alice.userId}, 'abcdefghij', 'x', '{agents:read}', now() + interval '1 day')`,
    sql`select nora.set_context('api_key', ${alice.userId}, ${alice.workspaceId}, 'editor', null, ${key.id})`,
  ]
  for (const statement of statements) {
    const attempt = withActor(database.app, alice.actor, (tx) => statement.execute(tx))
    await expect(attempt.catch(codeOf)).resolves.toBe('42501')
    expect(await tried(key, statement)).toBe('42501')
  }
})

test('a key makes, rotates and revokes no key, whatever session its statement names', async () => {
  const key = await made(alice, ['agents:read', 'agents:write', 'agents:invoke', 'keys:sync'])
  const session = alice.actor
  const wanted = {
    id: randomUUID(),
    publicId: 'zzzzzzzzzz',
    hash: randomBytes(32),
    name: 'x',
    allowedCidrs: [],
  }
  const attempts = [
    () =>
      as(key, (tx) =>
        createApiKey(tx, session, { ...wanted, scopes: ['agents:read'], expiresAt: null }, from),
      ),
    () =>
      as(key, (tx) => rotateApiKey(tx, session, { id: key.id, hash: randomBytes(32), graceHours: 1 }, from)),
    () => as(key, (tx) => sql`select nora.revoke_api_key(${key.id}, null, 'x')`.execute(tx)),
  ]
  for (const attempt of attempts) await expect(attempt().catch(codeOf)).resolves.toBe('forbidden')
})

describe('within a key that may do everything', () => {
  let key: Made
  let rows: Awaited<ReturnType<typeof tenantRows>>

  beforeAll(async () => {
    rows = await tenantRows(database, alice)
    key = await made(alice, ['agents:read', 'agents:write', 'agents:invoke', 'keys:sync', 'logs:read'])
  })

  const own = (table: string) => sql`select * from ${sql.table(table)}`
  test('a statement sees nothing of its maker’s account, sessions or invitations, and no other key', async () => {
    await made(alice, ['agents:read'])
    for (const table of ['sessions', 'streams', 'users']) {
      const columns = sql.raw(`select id from nora.${table}`)
      expect((await as(key, (tx) => columns.execute(tx))).rows, table).toEqual([])
    }
    const ids = await as(key, (tx) => sql<{ id: string }>`select id from invitations`.execute(tx))
    expect(ids.rows).toEqual([])
    const keys = await as(key, (tx) => own('api_keys').execute(tx))
    expect(keys.rows).toMatchObject([{ id: key.id }])
    expect((await as(key, (tx) => own('audit_log').execute(tx))).rows).toEqual([])
    await database.asSuperuser(
      `insert into nora.memberships (workspace_id, user_id, role) values ($1, $2, 'owner')`,
      [mallory.workspaceId, alice.userId],
    )
    const members = await as(key, (tx) => own('memberships').execute(tx))
    expect(members.rows).toMatchObject([{ workspace_id: alice.workspaceId, user_id: alice.userId }])
    expect((await as(key, (tx) => sql`select * from nora.my_workspaces()`.execute(tx))).rows).toEqual([])
  })

  test('it writes no credential, member, workspace, account or session', async () => {
    const statements = [
      sql`update credentials set label = 'x'`,
      sql`update credentials set shared_with_workspace = true`,
      sql`delete from credentials`,
      sql`update sessions set revoked_at = now()`,
      sql`update users set name = 'x'`,
      sql`insert into operations (workspace_id, credential_id, kind, requested_by)
        values (${alice.workspaceId}, ${rows.credentialId}, 'test-key', ${alice.userId})`,
      sql`insert into streams (workspace_id, agent_id, user_id, session_id, kind, ticket_hash, ticket_expires_at) values
        (${alice.workspaceId}, ${rows.agentId}, ${alice.userId}, ${alice.sessionId}, 'logs', ${randomBytes(32)}, now())`,
      sql`insert into credentials (workspace_id, owner_id, kind, provider, label, sealed, key_version, fingerprint)
        values (${alice.workspaceId}, ${alice.userId}, 'llm', 'openai', 'x', ${Buffer.alloc(128)}, 1, '00000000')`,
      sql`select nora.create_workspace('x', null, 'x')`,
      sql`select nora.rename_workspace('x', null, 'x')`,
      sql`select nora.begin_workspace_end(null, 'x')`,
      sql`select nora.delete_invitation(${randomUUID()}, null, 'x')`,
    ]
    for (const statement of statements) {
      expect([0, '42501', 'forbidden'], JSON.stringify(statement.toOperationNode())).toContain(
        await tried(key, statement),
      )
    }
  })

  test('it reads and changes nothing of its maker’s own: passkeys, the password’s salt, answers kept for their calls', async () => {
    const [passkey] = await database.asSuperuser<{ id: string }>(
      `insert into nora.passkeys (user_id, credential_id, public_key, counter, label, backed_up)
       values ($1, $2, $2, 0, 'theirs', false) returning id`,
      [alice.userId, randomBytes(32)],
    )
    const proof = [alice.sessionId, alice.secret] as const
    const refused = [
      sql`select nora.rename_passkey(${passkey!.id}, 'mine', null, 'x')`,
      sql`select nora.remove_passkey(${proof[0]}, ${proof[1]}, ${passkey!.id}, null, 'x')`,
      sql`insert into idempotency_keys (workspace_id, user_id, key, request_hash)
        values (${alice.workspaceId}, ${alice.userId}, 'planted', ${randomBytes(32)})`,
    ]
    expect(await Promise.all(refused.map((statement) => tried(key, statement)))).toEqual([
      'not-found',
      'step-up-required',
      '42501',
    ])
    const asked = sql`select nora.my_password_salt() as salt, nora.count_recovery_codes() as codes,
      (select count(*)::int from idempotency_keys) as answers`
    const seenBy = async (actor: SessionActor | HubActor) =>
      (await withActor(database.app, actor, (tx) => asked.execute(tx))).rows
    const codes = `insert into nora.recovery_codes (code_hash, user_id) values ($1, $2)`
    await database.asSuperuser(codes, [randomBytes(32), alice.userId])
    expect(await seenBy(alice.actor)).toEqual([{ salt: '$argon2id$', codes: 1, answers: 1 }])
    expect(await seenBy(key.actor)).toEqual([{ salt: null, codes: 0, answers: 0 }])
    for (const statement of [
      sql`delete from idempotency_keys`,
      sql`update idempotency_keys set status = 200`,
    ]) {
      expect(await tried(key, statement)).toBe(0)
    }
    const keep = (of: Made) =>
      tried(
        key,
        sql`insert into idempotency_keys (workspace_id, user_id, key, request_hash)
          values (${alice.workspaceId}, ${alice.userId}, ${`${of.id} planted`}, ${randomBytes(32)})`,
      )
    expect([await keep(key), await keep(await made(alice, ['agents:read']))]).toEqual([1, '42501'])
    expect(await seenBy(alice.actor), 'nor the maker those of a program').toMatchObject([{ answers: 1 }])
    await database.asSuperuser('delete from nora.passkeys')
  })

  test('its audit rows are its own: neither in its maker’s name nor in that of another key', async () => {
    const write = (kind: string, actor: string, by: string, workspace = alice.workspaceId) =>
      tried(
        key,
        sql`insert into audit_log (event_type, actor_kind, actor_id, workspace_id, details)
          values ('SOME_ACT', ${kind}, ${actor}, ${workspace}, ${JSON.stringify({ createdBy: by })}::jsonb)`,
      )
    const other = await made(alice, ['agents:read'])
    expect(await write('user', alice.userId, alice.userId)).toBe('42501')
    expect(await write('api_key', other.id, alice.userId)).toBe('42501')
    expect(await write('api_key', key.id, mallory.userId)).toBe('42501')
    expect(await write('api_key', key.id, alice.userId, mallory.workspaceId)).toBe('42501')
    expect(await write('api_key', key.id, alice.userId)).toBe(1)
    const person = withActor(database.app, alice.actor, (tx) =>
      sql`insert into audit_log (event_type, actor_kind, actor_id, workspace_id, details) values
        ('SOME_ACT', 'api_key', ${key.id}, ${alice.workspaceId}, ${JSON.stringify({ createdBy: alice.userId })}::jsonb)`.execute(
        tx,
      ),
    )
    await expect(person.catch(codeOf)).resolves.toBe('42501')
  })

  test('an operation carries the key that asked, which nobody names', async () => {
    const asked = await as(key, (tx) =>
      sql<{ api_key_id: string }>`insert into operations (workspace_id, agent_id, kind, requested_by)
        values (${alice.workspaceId}, ${rows.agentId}, 'stop', ${alice.userId}) returning api_key_id`.execute(
        tx,
      ),
    )
    expect(asked.rows).toEqual([{ api_key_id: key.id }])
    const forged = withActor(database.app, alice.actor, (tx) =>
      sql`insert into operations (workspace_id, agent_id, kind, requested_by, api_key_id)
        values (${alice.workspaceId}, ${rows.agentId}, 'stop', ${alice.userId}, ${key.id})`.execute(tx),
    )
    await expect(forged.catch(codeOf)).resolves.toBe('42501')
  })
})
