import { readFileSync } from 'node:fs'
import { migrate } from './migrate.ts'

// The one place of this package that reads the environment. X_FILE wins nothing: both given is a mistake.
function setting(name: string): string | undefined {
  const file = process.env[`${name}_FILE`]
  if (file === undefined) return process.env[name]
  if (process.env[name] !== undefined) throw new Error(`both ${name} and ${name}_FILE are set: keep one`)
  return readFileSync(file, 'utf8').trim()
}

const say = (line: string) => process.stdout.write(`${line}\n`)
try {
  const databaseUrl = setting('DATABASE_URL')
  if (!databaseUrl) throw new Error('DATABASE_URL is not set: it names the database as role nora_migrator')
  const app = setting('NORA_DB_PASSWORD_APP')
  const worker = setting('NORA_DB_PASSWORD_WORKER')
  const applied = await migrate(
    {
      databaseUrl,
      passwords: { ...(app && { app }), ...(worker && { worker }) },
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
