import { loadOrRefuse } from '@nora/config/boot'
import { loadMigrateConfig } from '@nora/config/migrate'
import { migrate } from './migrate.ts'

const config = loadOrRefuse(loadMigrateConfig, process.env)
const say = (line: string) => process.stdout.write(`${line}\n`)
try {
  const applied = await migrate(
    {
      databaseUrl: config.databaseUrl,
      passwords: { app: config.passwordApp, worker: config.passwordWorker },
      onStep: (name) => say(`migrating ${name}`),
    },
    AbortSignal.timeout(300_000),
  )
  say(applied.length === 0 ? 'database is up to date' : `applied ${applied.length} migrations`)
} catch (error) {
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : ''
  process.stderr.write(`migrate: ${error instanceof Error ? error.message : String(error)}${cause}\n`)
  process.exitCode = 1
}
