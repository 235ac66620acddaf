import pg from 'pg'

/** Roles that hold things; they cannot sign in. */
const heldRoles = ['nora_owner', 'nora_definer']
/** Roles that a process signs in as; the migrator gives them their passwords. */
const loginRoles = ['nora_app', 'nora_worker']
/** Roles that nora_app becomes for one transaction, after Postgres has seen a platform admin's proof (0020). */
const adminRoles = ['nora_admin_reader', 'nora_admin_operator']
/** Roles of later processes: they exist so that grants can name them, and cannot sign in yet. */
const laterRoles = ['nora_rotator', 'nora_audit', 'nora_backup']

/**
 * What only a superuser can do, once a cluster: the roles and an empty database that `nora_migrator` may migrate.
 * Safe to run again; a password given again replaces the old one. No role it makes has SUPERUSER or BYPASSRLS.
 */
export async function bootstrapDatabase(
  superuserUrl: string,
  options: { database: string; migratorPassword: string },
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted()
  const client = new pg.Client({ connectionString: superuserUrl, connectionTimeoutMillis: 10_000 })
  await client.connect()
  const abort = () => void client.end().catch(() => undefined)
  signal.addEventListener('abort', abort, { once: true })
  try {
    await client.query('select pg_advisory_lock(7104000)')
    for (const role of [...heldRoles, ...adminRoles, ...laterRoles]) await ensureRole(client, role, 'nologin')
    // Without inheriting: what nora_app may become, it is not until it says so.
    for (const role of loginRoles) await ensureRole(client, role, 'login noinherit')
    await ensureRole(client, 'nora_migrator', 'login createrole')
    await client.query(`alter role nora_migrator password ${client.escapeLiteral(options.migratorPassword)}`)
    await client.query(`grant nora_owner, nora_definer, nora_audit to nora_migrator`)
    const { rows } = await client.query('show server_version_num')
    const perGrant = Number(rows[0].server_version_num) >= 160000
    if (perGrant) {
      await client.query(
        `grant nora_app, nora_worker to nora_migrator with admin true, inherit false, set false`,
      )
    }
    await client.query(
      `grant ${adminRoles.join(', ')} to nora_app${perGrant ? ' with inherit false, set true' : ''}`,
    )
    const name = client.escapeIdentifier(options.database)
    const found = await client.query('select 1 from pg_database where datname = $1', [options.database])
    if (found.rowCount === 0) await client.query(`create database ${name} owner nora_migrator`)
    await client.query(`revoke all on database ${name} from public`)
    await client.query(`grant connect on database ${name} to nora_app, nora_worker`)
  } finally {
    signal.removeEventListener('abort', abort)
    await client.end().catch(() => undefined)
  }
}

async function ensureRole(client: pg.Client, role: string, attributes: string): Promise<void> {
  const found = await client.query('select 1 from pg_roles where rolname = $1', [role])
  const verb = found.rowCount === 0 ? 'create' : 'alter'
  await client.query(`${verb} role ${role} ${attributes} nosuperuser nobypassrls noreplication`)
}
