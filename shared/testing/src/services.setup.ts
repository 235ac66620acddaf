import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '@nora/embedded/postgres'
import { bootstrapDatabase } from '@nora/migrations/bootstrap'
import { migrate } from '@nora/migrations/migrate'
import type { TestProject } from 'vitest/node'

export type PostgresServer = {
  superuserUrl: string
  template: string
  passwords: { app: string; worker: string; migrator: string }
}

declare module 'vitest' {
  interface ProvidedContext {
    postgres: PostgresServer
  }
}

/** One Postgres for the run, with one migrated template database that each test file clones. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const signal = AbortSignal.timeout(90_000)
  const folder = await mkdtemp(join(tmpdir(), 'nora-test-pg-'))
  const postgres = await startPostgres({
    dataDir: join(folder, 'data'),
    logFile: join(folder, 'postgres.log'),
    fast: true,
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
  project.provide('postgres', { superuserUrl: postgres.superuserUrl, template, passwords })
  return async () => {
    await postgres.stop()
    await rm(folder, { recursive: true, force: true })
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
