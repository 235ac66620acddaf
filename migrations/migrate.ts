import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'

export type MigrateOptions = {
  databaseUrl: string
  /** Passwords that the migrator gives to the login roles; absent: left as they are. */
  passwords?: { app?: string; worker?: string }
  onStep?: (name: string) => void
}

/**
 * Applies every migration not yet applied, in order, each in its own transaction, under one advisory lock, so that
 * two of these at once are as good as one. A file that changed after it landed stops everything.
 * Returns the names it applied.
 */
export async function migrate(options: MigrateOptions, signal: AbortSignal): Promise<string[]> {
  signal.throwIfAborted()
  const client = new pg.Client({ connectionString: options.databaseUrl, connectionTimeoutMillis: 10_000 })
  await client.connect()
  const abort = () => void client.end().catch(() => undefined)
  signal.addEventListener('abort', abort, { once: true })
  try {
    await client.query('select pg_advisory_lock(7104004)')
    await client.query(
      `create table if not exists public.nora_migrations (name text primary key, sha256 text not null, applied_at timestamptz not null default now())`,
    )
    const done = new Map<string, string>()
    for (const row of (await client.query('select name, sha256 from public.nora_migrations')).rows) {
      done.set(row.name, row.sha256)
    }
    const applied: string[] = []
    for (const { name, sql, sha256 } of await migrationFiles()) {
      const before = done.get(name)
      if (before === sha256) continue
      if (before !== undefined) throw new Error(`migration ${name} was changed after it had been applied`)
      signal.throwIfAborted()
      options.onStep?.(name)
      await client.query('begin')
      try {
        await client.query(sql)
        await client.query('insert into public.nora_migrations (name, sha256) values ($1, $2)', [
          name,
          sha256,
        ])
        await client.query('commit')
      } catch (error) {
        await client.query('rollback')
        throw new Error(`migration ${name} failed and was rolled back`, { cause: error })
      }
      applied.push(name)
    }
    await resetRole(client, 'nora_app', options.passwords?.app)
    await resetRole(client, 'nora_worker', options.passwords?.worker)
    return applied
  } finally {
    signal.removeEventListener('abort', abort)
    await client.end().catch(() => undefined)
  }
}

async function migrationFiles(): Promise<{ name: string; sql: string; sha256: string }[]> {
  const folder = fileURLToPath(new URL('.', import.meta.url))
  const names = (await readdir(folder)).filter((name) => /^\d{4}-.*\.sql$/.test(name)).sort()
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(`${folder}${name}`, 'utf8')
      return { name, sql, sha256: createHash('sha256').update(sql).digest('hex') }
    }),
  )
}

/** Postgres lets each role change its own settings and password: what somebody left there goes. */
async function resetRole(client: pg.Client, role: string, password: string | undefined): Promise<void> {
  const { rows } = await client.query('select current_database() as name')
  await client.query(`alter role ${role} reset all`)
  await client.query(`alter role ${role} in database ${client.escapeIdentifier(rows[0].name)} reset all`)
  if (password !== undefined)
    await client.query(`alter role ${role} password ${client.escapeLiteral(password)}`)
}
