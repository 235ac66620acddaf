import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '@nora/embedded/postgres'
import { bootstrapDatabase } from '@nora/migrations/bootstrap'
import { migrate } from '@nora/migrations/migrate'

export type PostgresServer = {
  superuserUrl: string
  template: string
  passwords: { app: string; worker: string; migrator: string }
}

/** A Postgres of its own in a temporary folder, with one migrated template database to clone from. */
export async function startPostgresServer(
  signal: AbortSignal,
  options: { fast: boolean } = { fast: true },
): Promise<{ server: PostgresServer; stop: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'nora-test-pg-'))
  const postgres = await startPostgres({
    dataDir: join(folder, 'data'),
    logFile: join(folder, 'postgres.log'),
    fast: options.fast,
    signal,
  })
  const password = () => randomBytes(18).toString('base64url')
  const passwords = { app: password(), worker: password(), migrator: password() }
  const template = 'nora_template'
  await bootstrapDatabase(
    postgres.superuserUrl,
    { database: template, migratorPassword: passwords.migrator },
    signal,
  )
  await migrate(
    { databaseUrl: roleUrl(postgres.superuserUrl, 'nora_migrator', passwords.migrator, template), passwords },
    signal,
  )
  return {
    server: { superuserUrl: postgres.superuserUrl, template, passwords },
    stop: async () => {
      await postgres.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** The same server as another role and another database. */
export function roleUrl(url: string, role: string, password: string, database: string): string {
  const result = new URL(url)
  result.username = role
  result.password = password
  result.pathname = `/${database}`
  return result.href
}
