import pg from 'pg'
import { buildEnvironments } from './environments.ts'
import { readInstallation } from './installation.ts'
import type { Layout } from './layout.ts'
import { setupCommand } from './layout.ts'
import { askSupervisor } from './status-socket.ts'

/** Calls one function of the running database as `nora_migrator`, and gives its result. The error of Postgres keeps its code. */
export async function callAsMigrator<T>(layout: Layout, call: string, values: unknown[]): Promise<T> {
  if (!(await askSupervisor(layout.statusSocket, 'status'))) {
    throw new Error(`the database does not run: start it with ${setupCommand(layout)}`)
  }
  const { files } = await readInstallation(layout)
  const { migrate } = buildEnvironments(files, {
    ...{ postgresPort: Number(files.installation['NORA_POSTGRES_PORT']), redisUrl: '', engineSocket: '' },
    ...{ keysDir: '', workerDataDir: '', code: '' },
  })
  const client = new pg.Client({
    connectionString: migrate['DATABASE_URL'],
    connectionTimeoutMillis: 10_000,
    statement_timeout: 10_000,
  })
  await client.connect()
  try {
    const answer = await client.query(`select ${call} as result`, values)
    return answer.rows[0].result as T
  } finally {
    await client.end()
  }
}
