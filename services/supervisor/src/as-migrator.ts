import pg from 'pg'
import { stackAddresses } from './compose/addresses.ts'
import { ports } from './compose/derive.ts'
import type { Variables } from './env-files.ts'
import { buildEnvironments } from './environments.ts'
import { readInstallation } from './installation.ts'
import type { Layout } from './layout.ts'
import { setupCommand } from './layout.ts'
import { askSupervisor } from './status-socket.ts'

/** Calls one function of the running database as `nora_migrator`, and gives its result. The error of Postgres keeps its code. */
export async function callAsMigrator<T>(layout: Layout, call: string, values: unknown[]): Promise<T> {
  const { files, mode } = await readInstallation(layout)
  if (mode !== 'compose' && !(await askSupervisor(layout.statusSocket, 'status'))) {
    throw new Error(`the database does not run: start it with ${setupCommand(layout)}`)
  }
  const { migrate } = buildEnvironments(files, {
    ...(mode === 'compose' ? inStack(files.installation) : embedded(files.installation)),
    ...{ redisUrl: '', engineSocket: '' },
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

const embedded = (installation: Variables) => ({ postgresPort: Number(installation['NORA_POSTGRES_PORT']) })

/** The host is on the stack's networks too, and may sign in from there. */
function inStack(installation: Variables) {
  const { NORA_STACK_NETWORK: block = '', NORA_AGENT_NETWORK_POOL: pool = '' } = installation
  return { postgresHost: stackAddresses(block, pool).control.postgres, postgresPort: ports.postgres }
}
