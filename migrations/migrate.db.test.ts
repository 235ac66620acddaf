import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { testDatabase } from '@nora/testing/postgres'
import { roleUrl } from '@nora/testing/postgres-server'
import pg from 'pg'
import { expect, inject, test } from 'vitest'
import { migrate } from './migrate.ts'

// Both in one file, one after the other: roles are those of the whole server.

const database = testDatabase()

test('what a role changed of itself is put back by the next run', async () => {
  const { app, worker } = inject('postgres').passwords
  const settings = () =>
    database.asSuperuser(
      `select setconfig from pg_db_role_setting s join pg_roles r on r.oid = s.setrole where rolname = 'nora_app'
         and (setdatabase = 0 or setdatabase = (select oid from pg_database where datname = current_database()))`,
    )
  const client = new pg.Client({ connectionString: database.appUrl })
  await client.connect()
  try {
    // Names that no code reads: the role is that of every database of this server.
    await client.query(`alter role nora_app set application_name = 'left behind'`)
    await client.query(
      `alter role nora_app in database ${database.name} set application_name = 'left behind'`,
    )
  } finally {
    await client.end()
  }
  expect(await settings()).toHaveLength(2)
  await migrate(
    { databaseUrl: database.migratorUrl, passwords: { app, worker } },
    AbortSignal.timeout(120_000),
  )
  expect(await settings()).toEqual([])
})

// A server that is brought up to date has people on it. What landed never changes, so the files up to here are the version before.
const versionBefore = '0015-other-addresses.sql'

const server = inject('postgres')
const name = `nora_${randomBytes(6).toString('hex')}`
const migratorUrl = roleUrl(server.superuserUrl, 'nora_migrator', server.passwords.migrator, name)

async function within<T>(url: string, run: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await run(client)
  } finally {
    await client.end()
  }
}

async function migrateAsBefore(client: pg.Client): Promise<void> {
  await client.query(
    `create table public.nora_migrations (name text primary key, sha256 text not null, applied_at timestamptz not null default now())`,
  )
  const files = (await readdir(import.meta.dirname)).filter((file) => file.endsWith('.sql')).sort()
  for (const file of files.filter((one) => one <= versionBefore)) {
    const sql = await readFile(`${import.meta.dirname}/${file}`, 'utf8')
    await client.query(sql)
    await client.query('insert into public.nora_migrations (name, sha256) values ($1, $2)', [
      file,
      createHash('sha256').update(sql).digest('hex'),
    ])
  }
}

/** A row of somebody's in every table that such a server fills by being used. */
async function fill(client: pg.Client): Promise<void> {
  const insert = (table: string, row: Record<string, unknown>) =>
    client.query(
      `insert into nora.${table} (${Object.keys(row)}) values (${Object.keys(row).map((_, n) => `$${n + 1}`)})`,
      Object.values(row),
    )
  const [user, workspace, session, agent, key] = Array.from({ length: 5 }, () => randomUUID())
  const soon = new Date(Date.now() + 3_600_000)
  const hash = () => randomBytes(32)
  const salt = '$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA'
  const u = { user_id: user }
  const w = { workspace_id: workspace }
  const wa = { ...w, agent_id: agent }
  await insert('users', {
    ...{ id: user, email: `${user}@nora.test`, name: 'x', platform_role: 'admin' },
    ...{ password_salt: salt, password_verifier: hash() },
  })
  await insert('workspaces', { id: workspace, name: 'x', personal_of: user })
  await insert('memberships', { ...w, ...u, role: 'owner' })
  await insert('sessions', {
    ...{ ...u, id: session, transport: 'cookie', secret_hash: hash() },
    ...{ idle_expires_at: soon, expires_at: soon },
  })
  await insert('refresh_tokens', { token_hash: hash(), session_id: session })
  await insert('credentials', {
    ...{ ...w, id: key, owner_id: user, kind: 'llm', provider: 'openai', label: 'x' },
    ...{ sealed: Buffer.alloc(192, 1), key_version: 1, fingerprint: '00000000' },
  })
  await insert('agents', {
    ...{ ...w, id: agent, owner_id: user, name: 'x', runtime: 'image', target: 'docker', state: 'degraded' },
    ...{ sandbox_profile: 'standard', cpus: 1, memory_mb: 64, disk_mb: 64, pids: 32, event_seq: 1 },
  })
  await insert('agent_credentials', { ...wa, credential_id: key })
  await insert('operations', { ...wa, kind: 'provision', requested_by: user })
  await insert('events', { ...wa, seq: 1, type: 'created' })
  await insert('given_secrets', {
    ...{ ...wa, credential_id: key, secret_version: 1, owner_id: user, provider: 'openai' },
    ...{ destination_hosts: [], key_version: 1, sealed: Buffer.alloc(200, 1) },
  })
  await insert('log_followers', wa)
  await insert('streams', {
    ...{ ...wa, ...u, session_id: session, kind: 'logs', ticket_hash: hash(), ticket_expires_at: soon },
  })
  await insert('idempotency_keys', { ...w, ...u, key: 'x', request_hash: hash() })
  await insert('invitations', {
    ...{ ...w, email: 'x@nora.test', role: 'viewer', token_hash: hash(), invited_by: user, expires_at: soon },
  })
  await client.query(
    `select nora.write_audit('SIGNED_IN', 'user', $1, $2, 'session', 'x', null, null, '{}')`,
    [user, workspace],
  )
}

/** How many rows each table of that version has. */
async function counts(client: pg.Client, tables: string[]): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  for (const table of tables) {
    const { rows } = await client.query(`select count(*)::int as n from nora.${table}`)
    found[table] = rows[0].n
  }
  return found
}

test('a server of the version before with people on it is brought up to date, and keeps every row', async () => {
  const superuserUrl = new URL(server.superuserUrl)
  superuserUrl.pathname = `/${name}`
  await within(server.superuserUrl, (client) => client.query(`create database ${name} owner nora_migrator`))
  await within(migratorUrl, migrateAsBefore)
  await within(superuserUrl.href, async (client) => {
    await fill(client)
    await fill(client)
    const { rows } = await client.query(`select tablename from pg_tables where schemaname = 'nora'`)
    const tables = rows.map(({ tablename }) => tablename as string)
    const before = await counts(client, tables)
    expect(Object.values(before).filter((n) => n >= 2).length).toBeGreaterThan(15)
    const applied = await migrate({ databaseUrl: migratorUrl }, AbortSignal.timeout(120_000))
    expect(applied.length).toBeGreaterThan(14)
    expect(await counts(client, tables)).toEqual(before)
  })
  await within(server.superuserUrl, (client) => client.query(`drop database ${name} with (force)`))
})
